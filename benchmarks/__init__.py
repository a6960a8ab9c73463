"""What Guzo costs, as ratios against something named, each measured in one run. See docs/performance.md."""
