#!/usr/bin/python3
"""Renders every template of `dnscachectl template`, with and without values, and validates each by
the schema or tool of whoever reads it: those in TOOLS, folders with unpacked Debian packages.

usage: validate.py DNSCACHECTL TOOLS
Prints a line for each check; a tool that is not there is skipped and named. Exit status 1: a check
failed."""
import json, os, re, socket, subprocess, sys, tempfile, time, types, urllib.request
import jinja2
import yaml
from jsonschema import Draft7Validator

PROGRAM, TOOLS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
SITE = "usr/lib/python3/dist-packages"
HASH = "0123456789abcdef" * 4
SERVERS = ["--upstream", "10.0.0.2,tls://10.0.0.3#dns.corp.example", "--route",
           "corp.example=10.1.0.2,10.1.0.3"]
PACKAGE = ["--url", "s3://bucket/path/dnscachectl.rpm", "--sha256", HASH]
IMAGE, APP = ["--image", "registry.corp.example:5000/dns@sha256:" + HASH], ["--app", "app:1"]
VALUES = {"cloud-init": SERVERS + PACKAGE, "ansible": SERVERS + PACKAGE,
          "docker-compose": SERVERS + IMAGE + APP, "ecs-fargate": SERVERS + APP,
          "kubernetes": SERVERS + IMAGE, "systemd": SERVERS}
TAKES_FILE = ("cloud-init", "ansible", "kubernetes")
# It begins indented, and has what Jinja would take for an expression.
CONFIG = "   # my {{ company }}, {% endraw %}\nupstreams: [192.0.2.1]\ncache:\n  size: 8MiB\n\nlog_level: error\n"
failures = []
work = tempfile.TemporaryDirectory()


def check(name, condition, detail=""):
    print(("ok      " if condition else "FAILED  ") + name + (f": {detail}" if detail and not condition else ""))
    if not condition:
        failures.append(name)


def skip(name, what):
    print(f"skipped {name}: no {what}")


def path(name, text):
    file = os.path.join(work.name, name)
    with open(file, "w") as out:
        out.write(text)
    return file


def render(*words):
    run = subprocess.run([PROGRAM, "template", *words], capture_output=True, text=True)
    check("template " + " ".join(words[:3]), run.returncode == 0 and not run.stderr, run.stderr)
    check("no placeholder is left in " + words[0], not re.search("@[A-Z0-9_]+@", run.stdout))
    return run.stdout


def tool(package, file=SITE):
    found = os.path.join(TOOLS, package, file)
    return found if os.path.exists(found) else None


def runs(name, command, **environment):
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    check(name, run.returncode == 0, run.stdout + run.stderr)


def has_config(name, text):
    run = subprocess.run([PROGRAM, "check", path("config.yaml", text)], capture_output=True, text=True)
    check(f"the configuration in {name} is valid", run.returncode == 0, run.stderr + text)
    return yaml.safe_load(text) or {}


def cloud_init(text, variant):
    data = yaml.safe_load(text)
    script = data["write_files"][0]["content"]
    runs(f"cloud-init {variant}: the script is one", ["sh", "-n", path("script", script)])
    if variant == "values":
        check("cloud-init: the checksum", f"sha256='{HASH}'" in script)
        check("cloud-init: the address", "url='s3://bucket/path/dnscachectl.rpm'" in script)
        check("cloud-init: the upstreams", "--route 'corp.example=10.1.0.2:53,10.1.0.3:53'" in script)
    if variant == "config":
        check("cloud-init: the file", data["write_files"][1]["content"] == CONFIG)
    site = tool("cloud-init")
    if site is None:
        return skip("cloud-init", "cloud-init")
    runs(f"cloud-init {variant}: cloud-init schema",
         [sys.executable, "-m", "cloudinit.cmd.main", "schema", "--config-file", path("u.yaml", text)],
         PYTHONPATH=site)


def ecs(text, variant):
    data = yaml.safe_load(text)
    variables = {v["name"]: v["value"] for v in data["containerDefinitions"][0]["environment"]}
    if variant == "values":
        check("ecs: the upstreams",
              variables["DNSCACHE_UPSTREAMS"] == "10.0.0.2:53,tls://10.0.0.3:853#dns.corp.example")
        check("ecs: the routes", variables["DNSCACHE_ROUTES"] == "corp.example=10.1.0.2:53,10.1.0.3:53")
    for container in data["containerDefinitions"]:  # Fargate refuses these
        check("ecs: no option that Fargate lacks",
              not {"dnsServers", "extraHosts", "privileged", "links"} & container.keys())
    if tool("python3-botocore", SITE + "/botocore/data/ecs") is None:
        return skip("ecs", "python3-botocore")
    sys.path.insert(0, tool("python3-botocore"))
    from botocore import model, validate
    folder = tool("python3-botocore", SITE + "/botocore/data/ecs")
    version = sorted(os.listdir(folder))[-1]
    service = model.ServiceModel(json.load(open(os.path.join(folder, version, "service-2.json"))))
    shape = service.operation_model("RegisterTaskDefinition").input_shape
    report = validate.ParamValidator().validate(data, shape)
    check(f"ecs {variant}: AWS's own shape of a task definition", not report.has_errors(),
          report.generate_report())
    known = shape.members
    check(f"ecs {variant}: no unknown key", data.keys() <= known.keys())
    for container in data["containerDefinitions"]:
        unknown = container.keys() - known["containerDefinitions"].member.members.keys()
        check(f"ecs {variant}: no unknown key of a container", not unknown, str(unknown))


def compose(text, variant):
    data = yaml.safe_load(text)
    names = [part for service in data["services"].values() for part in service.get("environment", {})]
    settings = subprocess.run([PROGRAM, "check", "--print", path("empty.yaml", "")], text=True,
                              capture_output=True).stdout
    check(f"compose {variant}: variables are settings",
          all(name.split("_")[1].lower() in settings for name in names))
    schema = tool("docker-compose", SITE + "/compose/config/compose_spec.json")
    if schema is None:
        return skip("docker-compose", "docker-compose")
    problems = [e.message for e in Draft7Validator(json.load(open(schema))).iter_errors(data)]
    check(f"compose {variant}: the Compose specification", not problems, str(problems))


def kubernetes_type(models, name, value, where):
    """Every key, down to the leaves, is one that the API knows, with a value of its kind."""
    if name.startswith("list["):
        for i, item in enumerate(value):
            kubernetes_type(models, name[5:-1], item, f"{where}[{i}]")
    elif name.startswith("dict("):
        check(where + " is a map", isinstance(value, dict))
    elif name in ("str", "int", "bool"):
        check(f"{where} is a {name}", isinstance(value, {"str": str, "int": int, "bool": bool}[name]),
              repr(value))
    elif hasattr(models, name):
        kind = getattr(models, name)
        keys = {json_key: field for field, json_key in kind.attribute_map.items()}
        for key, item in value.items():
            if key not in keys:
                check(f"{where}.{key} is known to Kubernetes", False)
            else:
                kubernetes_type(models, kind.openapi_types[keys[key]], item, f"{where}.{key}")


def kubernetes(text, variant):
    documents = list(yaml.safe_load_all(text))
    check(f"kubernetes {variant}: what there is", [d["kind"] for d in documents] == ["ConfigMap", "DaemonSet"])
    config = has_config("kubernetes", documents[0]["data"]["config.yaml"])
    zones = [route["zone"] for route in config.get("routes", [])]
    if variant == "config":
        check("kubernetes: the file", documents[0]["data"]["config.yaml"] == CONFIG)
    else:
        check(f"kubernetes {variant}: names of the cluster have a route", "cluster.local" in zones)
        check(f"kubernetes {variant}: the address", config["listen"] == ["169.254.20.10"])
    spec = documents[1]["spec"]
    check("kubernetes: the selector selects",
          spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items())
    mounted = {m["name"] for c in spec["template"]["spec"]["containers"] for m in c["volumeMounts"]}
    check("kubernetes: volumes are there", mounted == {v["name"] for v in spec["template"]["spec"]["volumes"]})
    site = tool("python3-kubernetes", SITE + "/kubernetes/client/models")
    if site is None:
        return skip("kubernetes", "python3-kubernetes")
    # Without the package's own start, which wants what it needs to log in somewhere.
    package = types.ModuleType("kubernetes")
    package.__path__ = [tool("python3-kubernetes", SITE + "/kubernetes")]
    sys.modules.setdefault("kubernetes", package)
    from kubernetes.client import models
    for document, kind in zip(documents, ["V1ConfigMap", "V1DaemonSet"]):
        kubernetes_type(models, kind, document, kind)


# As Ansible's template engine is set up.
JINJA = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)


def ansible(text, variant):
    play = yaml.safe_load(text)[0]
    if variant == "config":
        copy = [t["ansible.builtin.copy"] for t in play["tasks"] if "ansible.builtin.copy" in t]
        check("ansible: the file, which Jinja leaves alone",
              copy and JINJA.from_string(copy[0]["content"]).render() == CONFIG)
    site = tool("ansible-core")
    if site is None:
        return skip("ansible", "ansible-core")
    runs(f"ansible {variant}: ansible-playbook --syntax-check",
         [sys.executable, tool("ansible-core", "usr/bin/ansible-playbook"), "--syntax-check", "-i",
          "localhost,", path("play.yml", text)], PYTHONPATH=site, HOME=work.name,
         ANSIBLE_LOCAL_TEMP=work.name, LC_ALL="C.UTF-8")


def alerts(text, variant):
    promtool = tool("prometheus", "usr/bin/promtool")
    if promtool is None:
        return skip("alerts", "prometheus")
    rules = path("r.yml", text)
    runs(f"alerts {variant}: promtool check rules", [promtool, "check", "rules", rules])
    tests = yaml.safe_load(open(os.path.join(os.path.dirname(__file__), "alerts.yaml")))
    tests["rule_files"] = [rules]
    runs(f"alerts {variant}: promtool test rules",
         [promtool, "test", "rules", path("t.yml", yaml.safe_dump(tests))])
    fired = str(tests["tests"][0]["promql_expr_test"])
    wanted = [rule["alert"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    check("alerts: each is seen to fire", all(f'"{alert}"' in fired for alert in wanted), str(wanted))


def grafana(text, variant):
    board = json.loads(text)
    check("grafana: identifiers differ", len({p["id"] for p in board["panels"]}) == len(board["panels"]))
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        check(f"grafana: {panel['title']} has a place of its own", not cells & taken and at["x"] + at["w"] <= 24)
        taken |= cells
        check(f"grafana: {panel['title']} asks something",
              panel["targets"] and all(t["expr"] and t["refId"] for t in panel["targets"]))
        check(f"grafana: {panel['title']} asks the chosen source",
              all(t["datasource"]["uid"] == "${datasource}" for t in panel["targets"]))
    promtool = tool("prometheus", "usr/bin/promtool")
    if promtool is None:
        return skip("grafana", "prometheus")
    rules = [{"record": f"panel:{p['id']}:{t['refId']}", "expr": t["expr"].replace("$__rate_interval", "5m")}
             for p in board["panels"] for t in p["targets"]]
    runs("grafana: promtool reads each query",
         [promtool, "check", "rules", path("g.yml", yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape():
    """What a real engine tells Prometheus."""
    metrics = free_port()
    engine = subprocess.Popen([PROGRAM, "serve"], stderr=subprocess.DEVNULL, env={
        **os.environ, "DNSCACHE_CONFIG": path("empty.yaml", ""), "DNSCACHE_CONTROL": "none",
        "DNSCACHE_LISTEN": f"127.0.0.1:{free_port()}", "DNSCACHE_UPSTREAMS": "127.0.0.1:9",
        "DNSCACHE_METRICS_LISTEN": f"127.0.0.1:{metrics}"})
    try:
        for _ in range(500):
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics").read().decode()
            except OSError:
                time.sleep(0.02)
        return ""
    finally:
        engine.terminate()
        engine.wait()


def metric_names(text):
    return set(re.findall(r"\bdnscachectl_[a-z0-9_]+", text))


def names_exist(text):
    """Alerts and dashboard name only what a real engine has."""
    there = metric_names(text)
    check("the engine has metrics", len(there) > 20, str(there))
    # Counted only where there is an EC2 network interface.
    there.add("dnscachectl_linklocal_allowance_exceeded_total")
    for name in ("grafana", "prometheus-alerts"):
        missing = metric_names(render(name)) - there
        check(f"each metric of {name} exists", not missing, str(missing))


def systemd(text, variant):
    # The program is not installed here; everything else is judged.
    unit = path("dnscachectl.service", text.replace("/usr/bin/dnscachectl", PROGRAM).replace("man:", "https://"))
    runs(f"systemd {variant}: systemd-analyze verify", ["systemd-analyze", "verify", "--man=no", unit])


def main():
    config = path("given.yaml", CONFIG)
    checks = {"cloud-init": cloud_init, "docker-compose": compose, "kubernetes": kubernetes,
              "ansible": ansible, "prometheus-alerts": alerts, "grafana": grafana, "systemd": systemd,
              "docker-daemon": lambda text, _: check("docker-daemon: an object", json.loads(text)["dns"])}
    names = subprocess.run([PROGRAM, "__complete", "--", "template", ""], capture_output=True,
                           text=True).stdout.split()
    check("each template is checked here", set(names) == checks.keys() | {"ecs-fargate"}, str(names))
    for name, judge in checks.items():
        judge(render(name), "defaults")
        judge(render(name, *VALUES.get(name, [])), "values")
        if name in TAKES_FILE:
            judge(render(name, "--config", config), "config")
    for form in ("sidecar", "wrapper"):
        ecs(render("ecs-fargate", "--form", form), f"{form} defaults")
        ecs(render("ecs-fargate", *VALUES["ecs-fargate"], "--form", form), f"{form} values")
    unit = render("systemd", "--upstream", "fe80::1%lo")
    check("systemd: % is no specifier", "[fe80::1%%lo]:53" in unit, unit)
    refused = [[name, "--config", config] for name in checks if name not in TAKES_FILE]
    refused += [[name, *SERVERS] for name in checks if name not in VALUES]
    refused += [["ecs-fargate", "--config", config, "--form", form] for form in ("sidecar", "wrapper")]
    refused += [[name, "--route", zone + "=10.0.0.2"] for name in VALUES
                for zone in ("a'b.example", "a'|id|'.example", 'a"b.example', "b\u00fccher.example")]
    for words in refused + [
            ["cloud-init", "--sha256", "beef"], ["cloud-init", "--url", "https://a/$(id)"],
            ["kubernetes", "--image", "a b"], ["ansible", "--upstream", "'x'"],
            ["systemd", "--url", "https://a/b"],
            ["cloud-init", "--config", config, "--upstream", "10.0.0.2"], ["nothing"]]:
        run = subprocess.run([PROGRAM, "template", *words], capture_output=True, text=True)
        check("refused: " + " ".join(words), run.returncode == 2 and not run.stdout and
              run.stderr.count("\n") == 1, run.stderr)
    names_exist(scrape())

    schema = json.loads(subprocess.run([PROGRAM, "schema"], capture_output=True, text=True).stdout)
    Draft7Validator.check_schema(schema)
    judge = Draft7Validator(schema)
    everything = subprocess.run([PROGRAM, "check", "--print", path("empty.yaml", "")], text=True,
                                capture_output=True).stdout
    problems = [f"{list(e.path)}: {e.message}" for e in judge.iter_errors(yaml.safe_load(everything))]
    check("schema: every default is valid", not problems, str(problems))
    for text in (CONFIG, "upstreams: [{address: 10.0.0.2, protocol: tls, tls_name: a.example}]",
                 "routes: [{zone: a.example, upstreams: [10.0.0.2]}]", "workers: 2", ""):
        check("schema: valid: " + text.split("\n")[0], judge.is_valid(yaml.safe_load(text)))
    for text in ("upstream: [10.0.0.2]", "cache: {size: 64}", "policy: fastets", "upstreams: 10.0.0.2",
                 "cache: {prefetch: maybe}", "routes: [{zone: a.example}]", "timeout: 10"):
        check("schema: refused: " + text, not judge.is_valid(yaml.safe_load(text)))
    print(f"{len(failures)} failed")
    return 1 if failures else 0


sys.exit(main())
