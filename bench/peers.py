"""What the benchmarks share: the servers that are measured, how a command is measured, and where this is."""

import json
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Where the programs are.
BIN = os.environ.get("DRAY_BIN") or f"{TOP}/bazel-bin"
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descendants(pid):
    """The process and all below it that live now."""
    found = [pid]
    for task in found:
        try:
            for thread in os.listdir(f"/proc/{task}/task"):
                with open(f"/proc/{task}/task/{thread}/children", encoding="ascii") as children:
                    found += [int(child) for child in children.read().split()]
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    """User and system time of a process and of its children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS


def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def peak_mib(pid):
    """VmHWM, of which shared pages are a part; 0 for a process that is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


class PeakWatch:
    """Samples the peak memory of processes that come and go below one: rsync's daemon forks for each client."""

    def __init__(self, pids):
        self.pids, self.peak, self.going = pids, 0.0, True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while self.going:
            self.sample()
            time.sleep(0.02)

    def sample(self):
        total = sum(peak_mib(each) for pid in self.pids for each in descendants(pid))
        self.peak = max(self.peak, total)

    def stop(self):
        self.going = False
        self.thread.join()
        self.sample()
        return self.peak


def run_client(command, environment=None):
    """Wall seconds, processor seconds, peak MiB, and standard output of a command that has to succeed."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=output, stderr=errors, cwd=TOP, env=environment)
        # Sampled: ru_maxrss would hold what this program had when the child was made of it.
        watch = PeakWatch([child.pid])
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        peak = watch.stop()
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {child.returncode}: {errors.read().decode(errors='replace')}")
        return wall, usage.ru_utime + usage.ru_stime, peak, output.read().decode(errors="replace")


def written_bytes(pid):
    """What it has written to files so far (sendmsg(2) does not count): write_bytes would leave out what lies in memory."""
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("wchar:")).split()[1])


def settle(server_pids, limit=60):
    """Waits until the servers have had nothing to do for longer than the second after which they begin what a put leaves to the background."""
    spent, quiet, end = sum(cpu_seconds(pid) for pid in server_pids), 0, time.monotonic() + limit
    while quiet < 5 and time.monotonic() < end:
        time.sleep(0.3)
        now = sum(cpu_seconds(pid) for pid in server_pids)
        quiet = quiet + 1 if now - spent < 0.05 else 0
        spent = now


def measure(command, server_pids, bytes_of, environment=None):
    before = sum(cpu_seconds(pid) for pid in server_pids)
    written = sum(written_bytes(pid) for pid in server_pids)
    for pid in server_pids:
        reset_peak(pid)
    watch = PeakWatch(server_pids)
    wall, client_cpu, client_peak, out = run_client(command, environment)
    server_peak = watch.stop()
    time.sleep(0.2)
    server_cpu = sum(cpu_seconds(pid) for pid in server_pids) - before
    written = sum(written_bytes(pid) for pid in server_pids) - written
    return {"wall": wall, "client_cpu": client_cpu, "server_cpu": server_cpu, "client_mib": client_peak,
            "server_mib": server_peak, "bytes": bytes_of(out), "written": written}


def dray_bytes(out):
    stats = json.loads(out.strip().splitlines()[-1])
    return stats["bytes_sent"] + stats["bytes_received"]


def rsync_bytes(out):
    total = 0
    for line in out.splitlines():
        if line.startswith(("Total bytes sent:", "Total bytes received:")):
            total += int(line.split(":")[1].replace(",", "").replace(".", ""))
    return total


class Link:
    """Two hosts with a link between them (bench/link). Servers start with `server`, clients with `client` before their command."""

    def __init__(self, round_trip_ms, bits_per_second, loss):
        self.title = f"{round_trip_ms:g} ms there and back, {bits_per_second / 1e6:g} Mbit/s" + (f", {loss:.1%} of packets lost" if loss else "")
        self.child = subprocess.Popen([f"{BIN}/bench/link/link", f"--round-trip-ms={round_trip_ms}", f"--bits-per-second={bits_per_second}", f"--loss={loss}"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        if not line:
            sys.exit("there is no link: it takes root, /dev/net/tun, and bazel build //bench/link")
        told = json.loads(line)
        self.host = told["server_host"]
        self.server = ["nsenter", f"--net={told['server_namespace']}"]
        self.client = ["nsenter", f"--net={told['client_namespace']}"]

    def stop(self):
        self.child.stdin.close()
        self.child.wait()


class Loopback:
    """No link: both on this host."""

    title, host, server, client = "loopback", "127.0.0.1", [], []

    def stop(self):
        pass


class PrivateLoopback:
    """A loopback of its own, for programs that do not tell their bytes: `prefix` before a command lets it run there. Takes root."""

    def __init__(self):
        self.child = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != "up\n":
            sys.exit("there is no loopback to count bytes at: it takes root, unshare and ip")
        self.prefix = ["nsenter", f"--net=/proc/{self.child.pid}/ns/net"]

    def bytes(self):
        """That have passed, both ways, with the headers of TCP and IP."""
        with open(f"/proc/{self.child.pid}/net/dev", encoding="ascii") as file:
            return int(next(line for line in file if line.strip().startswith("lo:")).split()[1])

    def stop(self):
        self.child.stdin.close()
        self.child.wait()


class DrayServer:
    """The three services, with an empty store. Those behind the front door talk over loopback."""

    def __init__(self, folder, transfer_flags=(), link=Loopback()):
        self.children, self.folder, self.link = [], folder, link
        os.makedirs(folder)
        if link.host != Loopback.host:
            transfer_flags = [*transfer_flags, "--allow-anyone"]
        monitor = self.start("monitor", ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        delta = self.start("delta", ["--listen", "127.0.0.1:0", "--catalog", f"sqlite:{folder}/catalog.db", "--monitor", monitor["grpc"]])
        transfer = self.start("transfer", ["--listen", f"{link.host}:0", "--admin", "127.0.0.1:0", "--data", f"{folder}/data",
                                           "--delta", delta["grpc"], "--monitor", monitor["grpc"], *transfer_flags])
        self.address = transfer["listen"]
        self.pids = [child.pid for child in self.children]
        self.services = dict(zip(("monitor", "delta", "transfer"), self.pids))

    def start(self, name, flags):
        ports = f"{self.folder}/{name}.ports"
        with open(f"{self.folder}/{name}.out", "wb") as output:
            child = subprocess.Popen([*self.link.server, f"{BIN}/services/{name}/dray-{name}", *flags, "--port-file", ports, "--log-dir",
                                      f"{self.folder}/logs-{name}"], stdout=output, stderr=output)
        self.children.append(child)
        deadline = time.monotonic() + 30
        while not os.path.exists(ports):
            if child.poll() is not None or time.monotonic() > deadline:
                with open(f"{self.folder}/{name}.out", encoding="utf-8", errors="replace") as output:
                    sys.exit(f"{name} did not start: {output.read()}")
            time.sleep(0.02)
        with open(ports, encoding="utf-8") as file:
            return dict(line.strip().split("=", 1) for line in file if "=" in line)

    def stop(self):
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


class RsyncServer:
    """rsync's daemon with one writable module."""

    def __init__(self, folder, link=Loopback()):
        self.folder = folder
        os.makedirs(f"{folder}/module")
        port = free_port()
        with open(f"{folder}/rsyncd.conf", "w", encoding="utf-8") as file:
            file.write(f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\nlog file = {folder}/log\n"
                       f"[m]\npath = {folder}/module\nread only = no\n")
        self.child = subprocess.Popen([*link.server, "rsync", "--daemon", "--no-detach", f"--config={folder}/rsyncd.conf", f"--address={link.host}",
                                       f"--port={port}"], stdin=subprocess.DEVNULL)
        self.url = f"rsync://{link.host}:{port}/m"
        self.pids = [self.child.pid]
        deadline = time.monotonic() + 10
        while subprocess.run([*link.client, "rsync", "--contimeout=1", self.url], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                sys.exit("rsync's daemon did not start")
            time.sleep(0.05)

    def stop(self):
        self.child.terminate()
        self.child.wait()


def same(one, other):
    return subprocess.run(["cmp", "-s", one, other], check=False).returncode == 0


def noise(name, size):
    """A file of random bytes."""
    with open(name, "wb") as file, open("/dev/urandom", "rb") as source:
        for start in range(0, size, MIB):
            file.write(source.read(min(MIB, size - start)))


def prepare_scratch(folder, size):
    """Ends the program where `folder` has less room than `size`, in bytes. Fills that room once: a virtual machine's memory is slow when it is touched for the first
    time, which would be counted against whoever is measured first."""
    if shutil.disk_usage(folder).free < size:
        sys.exit(f"{folder} has too little room, {size // MIB} MiB are needed: choose another --scratch or a smaller size")
    with tempfile.TemporaryFile(dir=folder) as file:
        block = bytes(MIB)
        for _ in range(size // MIB):
            file.write(block)


def raise_descriptor_limit(wanted=4096):
    """Some services want more descriptors than a shell grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted)), hard))


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()[0].strip()
    except (OSError, IndexError):
        return "unknown"


def machine(where="loopback", storage="in memory (tmpfs)"):
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    yield f"* {model}, {os.cpu_count()} cores, {memory} GiB of memory, Linux {platform.release().split('-')[0]}"
    yield f"* {first_line([f'{BIN}/cli/dray', '--version'])}; {first_line(['rsync', '--version'])}"
    yield f"* {where}, all files {storage}, optimised binaries as `scripts/build` makes them"


def comparison(found):
    """Lines of a table: dray beside its peers, for {case: {peer: measures}}."""
    yield "| work | with | wall, s | client processor, s | server processor, s | client peak, MiB | server peak, MiB | bytes moved | wall, dray over this |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for case, peers in found.items():
        for name, row in peers.items():
            bytes_moved = "-" if row["bytes"] is None else f"{row['bytes']:,.0f}"
            ratio = "" if name == "dray" or "dray" not in peers else f"{peers['dray']['wall'] / row['wall']:.2f}"
            yield (f"| {case} | {name} | {row['wall']:.2f} | {row['client_cpu']:.2f} | {row['server_cpu']:.2f} | {row['client_mib']:.0f} | "
                   f"{row['server_mib']:.0f} | {bytes_moved} | {ratio} |")


def wall_chart(found):
    """Bars of wall time as SVG: dray beside its peers, each case on its own scale."""
    # About 6 pixels a letter.
    row_height, left, width = 46, max(250, 16 + max(6 * len(case) for case in found)), 420
    colours = {"dray": "#1f6f8b", "rsync": "#c9a227", "nginx, curl": "#8a8a8a", "unison": "#8a8a8a"}
    lines, top = [], 30
    for case, peers in found.items():
        longest = max(row["wall"] for row in peers.values())
        lines.append(f'<text x="{left - 8}" y="{top + 16}" text-anchor="end">{case}</text>')
        for index, (name, row) in enumerate(peers.items()):
            length = max(1, width * row["wall"] / longest)
            y = top + index * 13
            lines.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="11" fill="{colours[name]}"/>'
                         f'<text x="{left + length + 4:.1f}" y="{y + 10}">{name} {row["wall"]:.2f} s</text>')
        top += row_height if len(peers) < 3 else row_height + 8
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 130}" height="{top}" font-family="sans-serif" font-size="11">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n<text x="8" y="16" font-size="13">Wall time, each case on its own scale; shorter is better</text>\n'
            + "\n".join(lines) + "\n</svg>\n")
