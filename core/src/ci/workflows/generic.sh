#!/bin/sh
# Runs only the tests that a change can break; for any host. Several machines take `--shard 1/4` and so on
# from one plan, and the verdict compares the plan with all their reports.
set -u
affected ci plan --shards 1 --out affected/plan.json || exit $?
affected test --plan affected/plan.json --report affected/report.json
affected ci verdict --plan affected/plan.json affected/report.json
