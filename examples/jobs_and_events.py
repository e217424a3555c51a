"""Submit, follow what the engine finds, stop early, keep the best answer."""

from pathlib import Path

import kantor

client = kantor.Client()
model = kantor.Program.from_file(Path(__file__).parent / "instances/bell5.mps.gz")
job = client.submit(model, priority=5, labels={"team": "planning"}, relative_gap=0.0, time_limit=60)
print(f"submitted {job.id}")

for event in job.events():  # goes on after a broken connection or a restarted server
    if event.type == "progress":
        print(kantor.Progress.of(event))
        if (event.data.get("gap") or 1.0) < 0.01:
            job.cancel()  # good enough: the best answer is kept

job.wait()
answer = job.result()
print(f"{job.state}: {answer!r}")
assert answer.objective is not None
assert answer.certificate.verified

mine = [found.id for found in client.jobs(labels={"team": "planning"}, limit=10)]
assert job.id in mine
