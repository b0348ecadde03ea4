#!/usr/bin/env python3
"""A gigabyte of JSON lines into a table that can be queried: windtunnel beside DuckDB and Polars, on one file.

usage: batch_gigabyte.py [--megabytes 1000] [--file events.jsonl] [--binary target/release/windtunnel] [--only NAME ...]

Makes the file (the same bytes for the same size), runs each in a process of its own and prints a table: events and
megabytes a second, per CPU second of the process and its threads, and peak memory. Every run must give the counts
that the generator knows, or the script fails. The peers need `pip install duckdb polars`.

What is done with each event: parse, check that id, type and device are there, drop what was seen before (by event_id), count
windows of a minute for each device. windtunnel does it as `windtunnel batch` with its checkpoints on disk and writes rows and windows
over gRPC into the embedded BigQuery of the same process, exactly once; the peers make two tables in memory. "load" is the
peers' reading of the file into a table alone, without dropping and counting anything.
"""
import argparse, json, os, random, re, subprocess, sys, tempfile, time

SEED = 42
DEVICES = 10_000
DUPLICATE_EVERY = 100
START_SECONDS = 1_767_225_600  # 2026-01-01T00:00:00Z
PAGES = ["/home", "/search?q=turbine", "/products/123", "/cart", "/checkout", "/account/settings"]


def generate(path, size):
    """Writes about `size` bytes and gives back what must come out."""
    rng = random.Random(SEED)
    number, written, rows, windows, lines = 0, 0, 0, set(), 0
    with open(path, "w", encoding="ascii", newline="\n", buffering=1 << 20) as out:
        while written < size:
            number += 1
            device = int(DEVICES * rng.random() ** 3)
            # An hour of event time for each million events, out of order by up to 30 seconds.
            second = int(number * 0.0036 + 30 * rng.random())
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START_SECONDS + second))
            line = (
                f'{{"event_id":"evt_{number:012d}","event_timestamp":"{at}.{number % 1000:03d}Z","event_type":"telemetry",'
                f'"device_id":"dev-{device:05d}","user_id":"user-{number * 7919 % 50_000:05d}","properties":{{"page_url":'
                f'"https://example.com{PAGES[number % 6]}","referrer":"https://example.com/","value":{rng.random() * 100:.3f},'
                f'"temperature":{20 + 5 * rng.random():.2f},"humidity":{40 + number % 50},"battery":{100 - number % 100}}}}}\n'
            )
            copies = 2 if number % DUPLICATE_EVERY == 0 else 1
            out.write(line * copies)
            written += len(line) * copies
            lines += copies
            rows += 1
            windows.add((device, second // 60))
    return {"events": lines, "rows": rows, "windows": len(windows), "bytes": written}


def duckdb_run(path, is_load):
    import duckdb

    connection = duckdb.connect()
    columns = (
        "{event_id: 'VARCHAR', event_timestamp: 'TIMESTAMP', event_type: 'VARCHAR', device_id: 'VARCHAR', user_id: 'VARCHAR', properties: "
        "'STRUCT(page_url VARCHAR, referrer VARCHAR, value DOUBLE, temperature DOUBLE, humidity DOUBLE, battery DOUBLE)'}"
    )
    source = f"read_json('{path}', format = 'newline_delimited', columns = {columns})"
    if is_load:
        connection.execute(f"CREATE TABLE events AS SELECT * FROM {source}")
    else:
        connection.execute(
            f"CREATE TABLE events AS SELECT DISTINCT ON (event_id) * FROM {source} "
            "WHERE event_id <> '' AND event_type <> '' AND device_id <> ''"
        )
        connection.execute(
            "CREATE TABLE windows AS SELECT device_id, date_trunc('minute', event_timestamp) AS start, count(*) AS events, "
            "sum(properties.value) AS total, min(properties.value) AS least, max(properties.value) AS greatest "
            "FROM events GROUP BY ALL"
        )
    count = lambda table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return count("events"), None if is_load else count("windows")


def polars_run(path, is_load):
    import polars as pl

    text, number = pl.String, pl.Float64
    properties = pl.Struct(
        {"page_url": text, "referrer": text, "value": number, "temperature": number, "humidity": number, "battery": number}
    )
    schema = {
        "event_id": text, "event_timestamp": text, "event_type": text, "device_id": text, "user_id": text, "properties": properties,
    }
    lazy = pl.scan_ndjson(path, schema=schema).with_columns(
        pl.col("event_timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")
    )
    if is_load:
        return lazy.collect().height, None
    is_given = [pl.col(name).fill_null("") != "" for name in ("event_id", "event_type", "device_id")]
    events = lazy.filter(*is_given).unique(subset="event_id", keep="any").collect()
    value = pl.col("properties").struct.field("value")
    windows = events.group_by("device_id", pl.col("event_timestamp").dt.truncate("1m").alias("start")).agg(
        pl.len().alias("events"), value.sum().alias("total"), value.min().alias("least"), value.max().alias("greatest")
    )
    return events.height, windows.height


PEERS = {"duckdb": duckdb_run, "polars": polars_run}


def peer(name, path, is_load):
    rows, windows = PEERS[name](path, is_load)
    version = __import__(name).__version__
    print(json.dumps({"rows": rows, "windows": windows, "version": version}))


def measured(command):
    """Runs a command: what it printed, seconds by the wall and of CPU, peak megabytes."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    if status != 0:
        sys.exit(f"{' '.join(command)} failed:\n{output}")
    return output, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def windtunnel(binary, path):
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "batch", "--target", "embedded", "--project", "bench", "--no-predictions"]
        output, *costs = measured([*command, "--checkpoints", f"{folder}/checkpoints", path])
    done = re.search(r"done: (\d+) records, (\d+) rows, (\d+) duplicates, (\d+) dead letters, (\d+) windows", output)
    if not done:
        sys.exit(f"windtunnel printed no counts:\n{output}")
    _, rows, _, _, windows = map(int, done.groups())
    version = measured([binary, "--version"])[0].split()[-1]
    return {"rows": rows, "windows": windows, "version": version}, costs


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--megabytes", type=int, default=1000)
    arguments.add_argument("--file", default=os.path.join(tempfile.gettempdir(), "windtunnel-bench.jsonl"))
    arguments.add_argument("--binary", default="target/release/windtunnel")
    names = ["windtunnel", *(f"{name}{part}" for name in PEERS for part in ("", "-load"))]
    arguments.add_argument("--only", nargs="*", choices=names, default=names)
    arguments.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.peer:
        return peer(given.peer[0], given.file, given.peer[1] == "load")
    known = given.file + ".expected.json"
    expected = None
    if os.path.exists(known) and os.path.exists(given.file):
        with open(known, encoding="ascii") as file:
            expected = json.load(file)
    if not expected or expected.get("megabytes") != given.megabytes or expected["bytes"] != os.path.getsize(given.file):
        expected = {**generate(given.file, given.megabytes * 1_000_000), "megabytes": given.megabytes}
        with open(known, "w", encoding="ascii") as file:
            json.dump(expected, file)
    events, megabytes = expected["events"], expected["bytes"] / 1e6
    print(f"{events:,} events, {megabytes:,.0f} MB, {expected['rows']:,} rows, {expected['windows']:,} windows; {os.cpu_count()} cores\n")
    print("| | events/s | MB/s | events per CPU second | MB per CPU second | peak |")
    print("|---|---|---|---|---|---|")
    # Read once, so that nobody pays for the disk.
    with open(given.file, "rb") as file:
        while file.read(1 << 24):
            pass
    for name in given.only:
        peer_name, _, part = name.partition("-")
        if name == "windtunnel":
            found, (wall, cpu, peak) = windtunnel(given.binary, given.file)
        else:
            command = [sys.executable, os.path.abspath(__file__), "--file", given.file, "--peer", peer_name, part or "all"]
            output, wall, cpu, peak = measured(command)
            found = json.loads(output.splitlines()[-1])
        wanted = {"rows": events, "windows": None} if part else {key: expected[key] for key in ("rows", "windows")}
        if {key: found[key] for key in wanted} != wanted:
            sys.exit(f"{name} gave {found}, expected {wanted}")
        label = f"{peer_name} {found['version']}{', load alone' if part else ''}"
        print(
            f"| {label} | {events / wall / 1e3:,.0f} k | {megabytes / wall:,.0f} | {events / cpu / 1e3:,.0f} k "
            f"| {megabytes / cpu:,.0f} | {peak:,.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
