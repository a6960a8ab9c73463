"""What runs in the measured process: import a function's module as Lambda does, and hand it events.

``python -S -m benchmarks.function MODULE:HANDLER EVENTS COUNT``: the first COUNT of the events in the file EVENTS, a
list of ``{"event": …, "expect": 201}``. It leaves without tearing the interpreter down, which Lambda never does either.
"""

import os
import sys
from time import process_time


class Context:
    """Lambda's context, as far as anybody asks."""

    function_name = "guzo"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:0:function:guzo"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self):
        return 28_000


def main():
    name, path, count = sys.argv[1:]
    module, _, handler = name.partition(":")
    function = getattr(__import__(module), handler)
    spent = [process_time()]
    if count != "0":
        import json

        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would be a part of the cost
            told = json.load(file)[: int(count)]
        for each in told:
            answer = function(each["event"], Context())
            found = answer.get("statusCode", answer.get("principalId"))
            if found != each["expect"] or answer.get("batchItemFailures"):
                sys.stderr.write(f"{name} answered {answer}\n")
                os._exit(1)
            spent.append(process_time())
    if "BENCHMARK_TIMES" in os.environ:
        sys.stderr.write("SPENT " + " ".join(map(str, spent)))
    if "BENCHMARK_MEMORY" in os.environ:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
            sys.stderr.write(status.read())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


main()
