#!/usr/bin/python3
"""The build on Amazon Linux 2023: its preset, and the pinned sources of what is missing there.

usage: sources_test.py SOURCE
Judges CMakePresets.json and the list of pinned sources, lets fetch.cmake meet good, wrong and missing
files on mirrors of its own, and then configures the project with the real sources and compiles a part
of it, which must read no header of a library that this machine has installed."""
import glob, hashlib, json, os, re, shutil, subprocess, sys, tempfile

SOURCE = os.path.abspath(sys.argv[1])
PACKAGES = SOURCE + "/templates/packages"
failed = 0


def check(what, condition, detail=""):
    global failed
    print(("ok      " if condition else "FAILED  ") + what + (f": {detail}" if detail and not condition else ""))
    failed += not condition


def run(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    return result.returncode, result.stdout


# The presets.
status, listed = run("cmake", "--list-presets=all", ".", cwd=SOURCE)
check("cmake reads the presets", status == 0 and '"al2023"' in listed, listed)
presets = {preset["name"]: preset for preset in json.load(open(SOURCE + "/CMakePresets.json"))["configurePresets"]}
wanted = presets["al2023"]["cacheVariables"]
check("al2023 takes gcc14 and pinned sources", wanted["DNSCACHE_FETCH"] == "ON" and
      [wanted["CMAKE_C_COMPILER"], wanted["CMAKE_CXX_COMPILER"]] == ["gcc14-gcc", "gcc14-g++"], str(wanted))
check("dev is the folder of ./dev", presets["dev"]["binaryDir"] == "${sourceDir}/build")

# The list.
text = open(PACKAGES + "/sources.cmake").read()
rows = [row.split() for row in re.findall(r'^  "(.*)"$', re.search(r"set\(PINNED\n(.*?)\n\)", text, re.S)[1], re.M)]
names = [row[0] for row in rows]
check("every source is pinned once", len(rows) == 9 and len(set(names)) == 9, str(names))
for name, path, sha256 in rows:
    check(f"{name} is a file of Debian's with a SHA-256",
          re.fullmatch(r"pool/main/[a-z0-9]+/[^/]+/[^/]+\.(tar\.(gz|bz2|xz)|deb)", path) and
          re.fullmatch(r"[0-9a-f]{64}", sha256), f"{path} {sha256}")
mirrors = re.search(r"set\(DNSCACHE_MIRRORS (.*?)\n\s*CACHE", open(PACKAGES + "/fetch.cmake").read(), re.S)[1].split()
check("they come over TLS", len(mirrors) > 1 and all(mirror.startswith("https://") for mirror in mirrors), str(mirrors))

work = tempfile.TemporaryDirectory()


# A source of our own: what fetch_source() does with what the mirrors have.
def put(folder, name, content):
    os.makedirs(f"{work.name}/{folder}", exist_ok=True)
    with open(f"{work.name}/{folder}/{name}", "wb") as file:
        file.write(content)


def archive(folder):
    """A .deb's shape and a tarball's, in one: data.tar.gz with a folder in it."""
    os.makedirs(f"{work.name}/{folder}/usr/include")
    put(folder + "/usr/include", "a.h", b"int a;\n")
    run("tar", "czf", "data.tar.gz", "usr", cwd=f"{work.name}/{folder}")
    run("tar", "czf", "a+b.tar.gz", "data.tar.gz", cwd=f"{work.name}/{folder}")
    return open(f"{work.name}/{folder}/a+b.tar.gz", "rb").read()


good = archive("made")
put("good/pool", "a+b.tar.gz", good)
put("good/pool", "a%2Bb.tar.gz", good)  # file:// URLs may be taken literally
put("wrong/pool", "a+b.tar.gz", good + b"x")
put("wrong/pool", "a%2Bb.tar.gz", good + b"x")
put(".", "script.cmake", f"""
include({PACKAGES}/fetch.cmake)
fetch_source(thing pool/a+b.tar.gz {hashlib.sha256(good).hexdigest()})
message(STATUS "unpacked in ${{thing_SOURCE}}")
""".encode())


def fetch(*mirrors, sources=None):
    binary = tempfile.mkdtemp(dir=work.name)
    if sources:
        os.makedirs(binary + "/sources")
        put(os.path.relpath(binary, work.name) + "/sources", "a+b.tar.gz", sources)
    urls = ";".join(f"file://{work.name}/{mirror}" for mirror in mirrors)
    status, output = run("cmake", f"-DCMAKE_BINARY_DIR={binary}", f"-DDNSCACHE_MIRRORS={urls}", "-P",
                         work.name + "/script.cmake", cwd=binary)
    return status, " ".join(output.split()), os.path.exists(binary + "/sources/thing/usr/include/a.h")


status, output, unpacked = fetch("good")
check("a good file is fetched and unpacked", status == 0 and unpacked and "sources/thing/usr" in output, output)
status, output, unpacked = fetch("empty", "wrong", "good")
check("a mirror without it or with another file is passed over", status == 0 and unpacked, output)
status, output, unpacked = fetch("empty", "wrong")
check("a wrong file is refused", status != 0 and not unpacked and "its SHA-256 is " in output, output)
check("and the message says what to do", "cannot fetch thing" in output and "DNSCACHE_MIRRORS" in output, output)
status, output, unpacked = fetch("empty", sources=good)
check("a file that is there is not fetched", status == 0 and unpacked and "Fetching" not in output, output)
status, output, unpacked = fetch("empty", sources=good[:100])
check("half a file is not used", status != 0 and not unpacked, output)

# The real ones. What this machine cannot reach is taken from its packages, and said.
kept = SOURCE + "/build/sources"
build = work.name + "/build"


def configure(libraries):
    return run("cmake", "-S", SOURCE, "-B", build, "-G", "Ninja", f"-DDNSCACHE_SOURCES={kept}",
               f"-DDNSCACHE_FETCH={libraries}", "-DDNSCACHE_TESTS=ON")


os.makedirs(kept, exist_ok=True)
status, output = configure("everything")
check("an unknown library is refused", status != 0 and "not 'everything'" in " ".join(output.split()), output)
libraries = list(names)
status, output = configure("ON")
while status != 0 and libraries:
    missing = re.search(r"cannot fetch (\S+):", output)
    if not missing:
        break
    print(f"        not to be had here: {missing[1]}")
    libraries.remove(missing[1])
    status, output = configure(";".join(libraries))
if not libraries:
    print("        no archive of Debian can be reached: the real sources were not tried")
    sys.exit(1 if failed else 0)
check("the project is configured with pinned " + ", ".join(libraries), status == 0, output[-3000:])
objects = [f"CMakeFiles/resolver.dir/resolver/{name}.cpp.o" for name in ("config/yaml", "base/log")]
status, output = run("ninja", "-C", build, *objects)
check("it compiles", status == 0, output[-3000:])
status, dependencies = run("ninja", "-C", build, "-t", "deps", *objects)
for name, header in (("fmt", "fmt/format.h"), ("spdlog", "spdlog/spdlog.h"), ("yaml-cpp", "yaml-cpp/parser.h")):
    if name in libraries:
        found = re.findall(rf"(\S*/{header})\n", dependencies)
        check(f"{header} is the pinned one", found and all("sources/" + name in path for path in found), str(found))
foreign = re.findall(r"\s(/usr/include/(?:fmt|spdlog|yaml-cpp|asio|nlohmann|CLI|catch2)/\S+)", dependencies)
check("no header of an installed one was read", not foreign, str(foreign[:5]))
sys.exit(1 if failed else 0)
