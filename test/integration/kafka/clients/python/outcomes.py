"""How a check's outcome is told: a line of JSON, {"feature": …, "error": null or text}."""
import json
import traceback


def run_checks(checks, features):
    for feature in features:
        error = None
        try:
            checks[feature]()
        except BaseException:
            error = traceback.format_exc()
        print(json.dumps({"feature": feature, "error": error}), flush=True)
