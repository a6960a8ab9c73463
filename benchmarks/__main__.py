"""`make benchmarks`: all of them, one after the other."""

from __future__ import annotations

from benchmarks import cold_start, throughput, units, warm_path

for benchmark in (units, warm_path, cold_start, throughput):
    print(f"# {(benchmark.__doc__ or '').partition('. ')[0]}\n", flush=True)
    benchmark.main()
    print(flush=True)
