"""Two steps of timeline.sh: `lookups SECONDS PID` starts the clock of the upstream
servers' process, makes the lookups and prints JSON; `draw` reads the results of all servers
and prints an SVG that is legible on light and dark pages."""
import json
import math
import os
import signal
import socket
import sys
import threading
import time

RATE = 10  # lookups a second
DEATH, RETURN = 3, 13  # seconds; as in timeline.sh
TITLES = {"glibc": "glibc alone", "resolved": "systemd-resolved", "dnsmasq": "dnsmasq",
          "unbound": "unbound", "ours": "dnscachectl"}

WIDTH, ROW, LEFT, RIGHT, TOP = 860, 74, 190, 160, 44
LEAST, MOST = 0.001, 20.0  # seconds on the logarithmic scale
MARKS = [(0.001, "1 ms"), (0.1, "100 ms"), (10.0, "10 s")]


def look_up(number, start, results):
    began = time.monotonic()
    try:
        socket.getaddrinfo(f"name{number}.example", 80, socket.AF_INET)
        worked = True
    except OSError:
        worked = False
    results[number] = [round(began - start, 4), round(time.monotonic() - began, 6), worked]


def lookups(seconds, upstream):
    os.kill(upstream, signal.SIGUSR1)
    start = time.monotonic()
    count = int(seconds * RATE)
    results = [None] * count
    threads = []
    for number in range(count):
        time.sleep(max(0.0, start + number / RATE - time.monotonic()))
        threads.append(threading.Thread(target=look_up, args=(number, start, results)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    times = sorted(took for _, took, _ in results)
    print(json.dumps({"lookups": len(results), "failed": sum(not worked for *_, worked in results),
                      "over_1_s": sum(took > 1 for took in times), "p50_ms": times[len(times) // 2] * 1000,
                      "max_ms": times[-1] * 1000, "each": json.dumps(results)}))


def text(x, y, content, anchor="start", style=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{style}>{content}</text>'


def duration(milliseconds):
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"


def row(top, metrics, title, seconds):
    scale = (WIDTH - LEFT - RIGHT) / seconds
    bottom = top + ROW - 18

    def height(took):
        part = math.log(min(max(took, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
        return bottom - part * (ROW - 24)

    out = [text(LEFT - 56, bottom - 18, title, "end", ' class="title"')]
    for mark, name in MARKS:
        out.append(f'<path class="grid" d="M{LEFT} {height(mark):.1f}H{WIDTH - RIGHT}"/>')
        out.append(text(LEFT - 6, height(mark) + 4, name, "end", ' class="small"'))
    for began, took, worked in json.loads(metrics["each"]):
        x = LEFT + began * scale
        kind = "fast" if worked and took < 0.05 else "slow" if worked else "failed"
        out.append(f'<path class="{kind}" d="M{x:.1f} {bottom}V{height(took):.1f}"/>')
    longest = f'longest {duration(metrics["max_ms"])}'
    out.append(text(WIDTH - RIGHT + 12, bottom - 26, longest))
    out.append(text(WIDTH - RIGHT + 12, bottom - 8,
                    f'{metrics["over_1_s"]} over 1 s, {metrics["failed"]} failed', style=' class="small"'))
    return out


def draw():
    rows = {entry["peer"]: entry["metrics"] for entry in map(json.loads, sys.stdin)}
    shown = [peer for peer in TITLES if peer in rows]
    seconds = max(began for peer in shown for began, *_ in json.loads(rows[peer]["each"]))
    height = TOP + ROW * len(shown) + 24
    scale = (WIDTH - LEFT - RIGHT) / seconds
    down, up = LEFT + DEATH * scale, LEFT + RETURN * scale
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
           ' font-family="system-ui, sans-serif" font-size="13">',
           "<title>How long each lookup takes while one of two name servers is down</title>",
           "<style>text{fill:#24292f}.small{font-size:10px;fill:#57606a}.title{font-weight:600}"
           ".grid{stroke:#d0d7de;stroke-width:.5;fill:none}.down{fill:#d0d7de;opacity:.35}"
           ".fast{stroke:#1a7f37}.slow{stroke:#bc4c00}.failed{stroke:#cf222e;stroke-width:2}"
           "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}"
           ".grid{stroke:#3d444d}.down{fill:#6e7681}.fast{stroke:#3fb950}.slow{stroke:#f0883e}"
           ".failed{stroke:#f85149}}</style>",
           f'<rect class="down" x="{down:.1f}" y="{TOP - 8}" width="{up - down:.1f}"'
           f' height="{ROW * len(shown) + 4}"/>',
           text((down + up) / 2, TOP - 16, "the name server in use is down", "middle"),
           text(LEFT - 6, TOP - 16, "time per lookup", "end", ' class="small"')]
    for index, peer in enumerate(shown):
        out += row(TOP + ROW * index, rows[peer], TITLES[peer], seconds)
    for second in range(0, int(seconds) + 1, 5):
        out.append(text(LEFT + second * scale, height - 16, f"{second} s", "middle", ' class="small"'))
    print("\n".join(out + ["</svg>"]))


if __name__ == "__main__":
    lookups(float(sys.argv[2]), int(sys.argv[3])) if sys.argv[1] == "lookups" else draw()
