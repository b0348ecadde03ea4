#!/usr/bin/env python3
"""Writes cases.jsonl: what Apache Beam's own TestStream makes of windows, triggers and lateness.

usage: python3 -m venv VENV && VENV/bin/pip install apache-beam==2.77.0
       VENV/bin/python generate.py > cases.jsonl

One case a line: windowing, steps (batches of elements, watermark, processing time) and the panes that
Beam gave out. Times are in seconds; an element is [key, time, value]. Seeded: the same version of Beam
writes the same file. README.md beside this file says which inputs are left out, and why.
"""
import json
import random
import sys

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms import trigger as bt
from apache_beam.transforms import window as bw
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import PaneInfoTiming

CASES_PER_FAMILY = 10
# README.md says why.
NOT_WITH_SESSIONS = ("repeated time", "repeated each", "each, then repeated")
BASE = 1000  # Event times begin here, far above the processing time of a case.
# The runner works on a pickled copy of this file's objects, but of a module there is only one.
beam.seen_panes = SEEN = []


class Capture(beam.DoFn):
    def process(self, element, window=beam.DoFn.WindowParam, pane=beam.DoFn.PaneInfoParam):
        key, values = element
        is_global = isinstance(window, bw.GlobalWindow)
        beam.seen_panes.append({
            "key": key,
            "start": None if is_global else window.start.micros // 1_000_000,
            "end": None if is_global else window.end.micros // 1_000_000,
            "timing": PaneInfoTiming.to_string(pane.timing),
            "index": pane.index,
            "on_time_index": pane.nonspeculative_index,
            "is_last": pane.is_last,
            "values": sorted(values),
        })


def window_fn(spec):
    kind, *numbers = spec
    return {
        "fixed": lambda size, offset: bw.FixedWindows(size, offset),
        "sliding": lambda size, period, offset: bw.SlidingWindows(size, period, offset),
        "session": lambda gap: bw.Sessions(gap),
        "global": lambda: bw.GlobalWindows(),
    }[kind](*numbers)


def trigger_fn(spec):
    kind, *parts = spec
    sub = lambda part: trigger_fn(part) if part is not None else None
    if kind == "default":
        return bt.DefaultTrigger()
    if kind == "after_watermark":
        return bt.AfterWatermark(early=sub(parts[0]), late=sub(parts[1]))
    if kind == "after_count":
        return bt.AfterCount(parts[0])
    if kind == "after_processing_time":
        return bt.AfterProcessingTime(parts[0])
    if kind == "repeatedly":
        return bt.Repeatedly(sub(parts[0]))
    return {"after_any": bt.AfterAny, "after_all": bt.AfterAll, "after_each": bt.AfterEach}[kind](
        *map(sub, parts))


def run(case):
    """The panes of a case, in no particular order."""
    SEEN.clear()
    stream = TestStream()
    for step in case["steps"]:
        (what, value), = step.items()
        if what == "elements":
            stream.add_elements([
                bw.TimestampedValue((key, number), Timestamp(time)) for key, time, number in value])
        elif what == "watermark":
            stream.advance_watermark_to(value)
        else:
            stream.advance_processing_time(value)
    stream.advance_watermark_to_infinity()
    options = PipelineOptions(["--allow_unsafe_triggers"])
    options.view_as(StandardOptions).streaming = True
    mode = {"accumulating": bt.AccumulationMode.ACCUMULATING,
            "discarding": bt.AccumulationMode.DISCARDING}[case["accumulation"]]
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=options)
    _ = (pipeline | stream
         | beam.WindowInto(window_fn(case["window"]), trigger=trigger_fn(case["trigger"]),
                           accumulation_mode=mode, allowed_lateness=case["lateness"])
         | beam.GroupByKey()
         | beam.ParDo(Capture()))
    try:
        pipeline.run().wait_until_finish()
    except TypeError:
        # The runner calls it a stall when a window is left that never fires, and fails to say so. All
        # panes have come by then.
        pass
    order = lambda pane: (pane["key"], pane["start"] or 0, pane["end"] or 0, pane["index"],
                          pane["values"])
    return sorted(SEEN, key=order)


def meets_expired_session(sessions, key, time, gap, lateness, watermark):
    """Whether an element would touch a session that has expired: Beam's Python driver never forgets
    one. Otherwise the element joins."""
    if time + gap + lateness <= watermark:
        return False
    touching = [s for s in sessions if s[0] == key and s[1] < time + gap and time < s[2]]
    if any(s[2] + lateness <= watermark for s in touching):
        return True
    for session in touching:
        sessions.remove(session)
    starts = [s[1] for s in touching] + [time]
    ends = [s[2] for s in touching] + [time + gap]
    sessions.append((key, min(starts), max(ends)))
    return False


def steps(rng, window, lateness, processing_time):
    """Random steps. The watermark never lies exactly on an expiry, where Beam's SDKs differ."""
    out, number, watermark, sessions = [], 0, BASE - 5, []
    for _ in range(rng.randint(4, 9)):
        what = rng.random()
        if what < 0.55:
            elements = []
            for _ in range(rng.randint(1, 5)):
                key = rng.choice("ab")
                time = max(BASE, int(watermark) + rng.randint(-18, 22))
                number += 1
                if window[0] == "session" and meets_expired_session(
                        sessions, key, time, window[1], lateness, watermark):
                    continue
                elements.append([key, time, number])
            if elements:
                out.append({"elements": elements})
        elif what < 0.8 and processing_time != "only":
            watermark = int(watermark) + rng.randint(1, 14) + (0.5 if lateness == 0 else 0)
            out.append({"watermark": watermark})
        elif processing_time:
            out.append({"time": rng.randint(1, 7)})
    if processing_time == "only":
        out.append({"time": 60})
    return out


def families():
    count = lambda n: ["after_count", n]
    again = lambda t: ["repeatedly", t]
    wait = lambda n: ["after_processing_time", n]
    watermark = lambda early=None, late=None: ["after_watermark", early, late]
    fixed, shifted = ["fixed", 10, 0], ["fixed", 10, 3]
    sliding, session = ["sliding", 10, 4, 0], ["session", 6]
    finishing = [
        ("watermark once", watermark(), None),
        ("early count", watermark(count(2)), None),
        ("count once", count(3), None),
        ("any once", ["after_any", count(3), watermark()], None),
        ("all once", ["after_all", count(2), watermark()], None),
        ("each", ["after_each", count(1), count(2)], None),
        ("time once", wait(5), "only"),
    ]
    lasting = [
        ("default", ["default"], None),
        ("repeated watermark", again(watermark()), None),
        ("late count", watermark(None, count(1)), None),
        ("early and late count", watermark(count(2), count(2)), None),
        ("early time, late count", watermark(wait(4), count(1)), "some"),
        ("repeated count", again(count(2)), None),
        ("repeated time", again(wait(5)), "only"),
        ("repeated any", again(["after_any", count(3), watermark()]), None),
        ("repeated all", again(["after_all", count(2), watermark()]), None),
        ("repeated each", again(["after_each", count(1), count(2)]), None),
        ("each, then repeated", ["after_each", count(2), again(count(3))], None),
    ]
    for name, trigger, time in finishing + lasting:
        windows = [fixed, shifted, sliding]
        if (name, trigger, time) in lasting and name not in NOT_WITH_SESSIONS:
            windows.append(session)
        if time is None and name in ("repeated count", "count once"):
            windows.append(["global"])
        for window in windows:
            yield name, window, trigger, time


def main():
    for name, window, trigger, time in families():
        for number in range(CASES_PER_FAMILY):
            rng = random.Random(f"{name} {window} {number}")
            lateness = rng.choice([0, 0, 5.25, 12.25]) if time != "only" else 0
            case = {
                "name": f"{name}, {window[0]}, {number}",
                "window": window,
                "trigger": trigger,
                "accumulation": rng.choice(["accumulating", "discarding"]),
                "lateness": lateness,
                "steps": steps(rng, window, lateness, time),
            }
            case["panes"] = run(case)
            print(json.dumps(case, separators=(",", ":")))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
