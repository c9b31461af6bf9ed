#!/usr/bin/python3
"""The .rpm on what Amazon Linux 2023 has: glibc 2.34, the libstdc++ of gcc 11, OpenSSL 3, systemd 252.

usage: rpm_test.py FILE.rpm
Reads every symbol version that each ELF file in it needs, lists each shared library with the package
of Amazon Linux 2023 that has it, and runs the program in a root of these files and libraries alone."""
import glob, os, re, subprocess, sys, tempfile

LIMITS = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11,),
          "OPENSSL": (3, 0, 0), "LIBSYSTEMD": (252,)}
OF_AL2023 = {"libc.so.6": "glibc", "libm.so.6": "glibc", "ld-linux-x86-64.so.2": "glibc",
             "ld-linux-aarch64.so.1": "glibc", "libstdc++.so.6": "libstdc++", "libgcc_s.so.1": "libgcc",
             "libssl.so.3": "openssl-libs", "libcrypto.so.3": "openssl-libs",
             "libsystemd.so.0": "systemd-libs", "libunbound.so.8": "unbound-libs"}
failed = 0


def check(what, condition, detail=""):
    global failed
    print(("ok      " if condition else "FAILED  ") + what + (f": {detail}" if detail and not condition else ""))
    failed += not condition


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout


def version_of(text):
    return tuple(int(part) for part in text.split("."))


package = os.path.abspath(sys.argv[1])
root = tempfile.TemporaryDirectory()
subprocess.run(f"rpm2cpio '{package}' | cpio -idm --quiet", shell=True, check=True, cwd=root.name)
files = [path for path in glob.glob(root.name + "/**", recursive=True)
         if os.path.isfile(path) and open(path, "rb").read(4) == b"\x7fELF"]
check("the program is there", root.name + "/usr/bin/dnscachectl" in files, str(files))
check("the file of the user is there", os.path.exists(root.name + "/usr/lib/sysusers.d/dnscachectl.conf"), "")
bundled = {os.path.basename(path) for path in files if "/usr/lib/dnscachectl/" in path}

needed = set()
highest = {}
for path in files:
    name = path[len(root.name):]
    for family, version in re.findall(r"Name: ([A-Z]+)_([0-9.]+) ", output("readelf", "-VW", path)):
        highest[family] = max(highest.get(family, (0,)), version_of(version))
        check(f"{name} needs {family}_{version}", version_of(version) <= LIMITS.get(family, (0,)))
    needed |= set(re.findall(r"NEEDED.*\[(.*)\]", output("readelf", "-d", path)))
print("        at most " + ", ".join(f"{family} {'.'.join(map(str, v))}" for family, v in sorted(highest.items())))
check("symbol versions were read", {"GLIBC", "GLIBCXX"} <= highest.keys())
check("what comes along is needed", bundled <= needed, str(bundled - needed))
for library in sorted(needed):
    where = "comes along" if library in bundled else OF_AL2023.get(library)
    check(f"{library}: {where}", where is not None)
requires = output("rpm", "-qp", "--requires", package)
for name in sorted({OF_AL2023[library] for library in needed - bundled if library in OF_AL2023}):
    check(f"the package requires {name}", re.search(rf"^{re.escape(name)} >=", requires, re.M))

check("the package recommends what dnssec.mode: validate loads",
      OF_AL2023["libunbound.so.8"] in output("rpm", "-qp", "--recommends", package).split())
licences = {os.path.basename(path) for path in glob.glob(root.name + "/usr/share/licenses/dnscachectl/*")}
check("the licences of all libraries come along", len(licences) >= 8, str(licences))

# Without the libraries of this machine that Amazon Linux has not.
program = root.name + "/usr/bin/dnscachectl"
for line in output("ldd", program).splitlines():
    found = re.search(r"(?:(\S+) => )?(/\S+) \(", line)
    if not found or os.path.basename(found[2]) in bundled:
        continue
    target = root.name + ("/lib64/" if "ld-linux" in found[2] else "/usr/lib64/") + os.path.basename(found[2])
    os.makedirs(os.path.dirname(target), exist_ok=True)
    subprocess.run(["cp", "-L", found[2], target], check=True)
check("none of the bundled libraries is elsewhere",
      not [path for path in glob.glob(root.name + "/usr/lib64/*") if os.path.basename(path) in bundled])
run = subprocess.run(["/usr/sbin/chroot", root.name, "/usr/bin/dnscachectl", "--version"],
                     capture_output=True, text=True, env={"LD_LIBRARY_PATH": "/usr/lib64"})
check("the program starts", run.returncode == 0 and run.stdout.startswith("dnscachectl "), run.stderr)
run = subprocess.run(["/usr/sbin/chroot", root.name, "/usr/bin/dnscachectl", "check"], capture_output=True,
                     text=True, env={"LD_LIBRARY_PATH": "/usr/lib64"})
check("and reads its configuration", run.returncode == 0, run.stdout + run.stderr)
sys.exit(1 if failed else 0)
