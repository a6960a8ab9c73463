"""`make benchmarks`: all of them, one after the other."""

from __future__ import annotations

from benchmarks import answers, throughput, units

for benchmark in (units, answers, throughput):
    print(f"# {(benchmark.__doc__ or '').partition('. ')[0]}\n", flush=True)
    benchmark.main()
    print(flush=True)
