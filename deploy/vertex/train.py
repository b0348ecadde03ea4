"""Trains the model that scores events, and writes it as the JSON that the engine reads.

Reads JSON lines of events on standard input (see README.md), fits one logistic regression for telemetry
(is this reading an anomaly?) and one for web events (is this visitor's next event a purchase?), prints
how good they are on held-out events, and writes the model to the file that is given.
"""

import hashlib
import json
import sys

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

TELEMETRY = ["climate_residual", "temperature_distance", "hour_of_day"]
WEB = ["is_add_to_cart", "is_click", "is_view", "is_known_user", "has_referrer", "hour_of_day"]


def hour_of_day(event):
    hour, minute, second = event["event_timestamp"][11:19].split(":")
    return int(hour) + int(minute) / 60 + int(second) / 3600


def telemetry_rows(events):
    """A reading is an anomaly when it breaks the climate's line by more than its noise can."""
    for event in events:
        if event["event_type"] == "telemetry":
            it = event["properties"]
            residual = abs(it["humidity"] - (95.0 - 1.5 * it["temperature"]))
            features = [residual, abs(it["temperature"] - 19.0), hour_of_day(event)]
            yield features, int(residual > 6.0 and 0.0 < it["humidity"] < 100.0)


def web_rows(events):
    """The label of an event is whether its visitor's next one is a purchase."""
    last = {}
    for event in events:
        if event["event_type"] == "telemetry":
            continue
        device = event["device_id"]
        if device in last:
            yield last[device], int(event["event_type"] == "purchase")
        kind = event["event_type"]
        flags = [kind == "add_to_cart", kind == "click", kind == "view", "user_id" in event]
        flags.append("referrer" in event["properties"])
        last[device] = [float(flag) for flag in flags] + [hour_of_day(event)]


def fit(name, names, rows):
    features, labels = zip(*rows)
    split = train_test_split(features, labels, test_size=0.25, random_state=1, stratify=labels)
    train_x, test_x, train_y, test_y = split
    scaler = StandardScaler().fit(train_x)
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(train_x), train_y)
    scores = model.predict_proba(scaler.transform(test_x))[:, 1]
    print(f"{name}: {len(labels)} events, {sum(labels)} positive, AUC {roc_auc_score(test_y, scores):.3f}", file=sys.stderr)
    columns = zip(names, scaler.mean_, scaler.scale_, model.coef_[0])
    weights = {n: {"mean": m, "scale": s, "weight": w} for n, m, s, w in columns}
    return {"bias": model.intercept_[0], "weights": weights}


def main():
    events = [json.loads(line) for line in sys.stdin]
    parts = {"telemetry": fit("telemetry", TELEMETRY, telemetry_rows(events)), "web": fit("web", WEB, web_rows(events))}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump({"format": 1, "version": f"logistic-{digest}", "parts": parts}, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()
