"""`mingqu bench lab`: a draft tried on past applications.

lab_replay_150k   processor seconds to read 150,000 applications and to decide each twice, with and without a draft, and
                  to tally; the yardstick is decoding the same inputs from JSON
"""

from __future__ import annotations

import copy
import json
import time
from typing import Any, Final

import msgspec

from bench.decide import BUSINESS_DATE, _people
from mingqu.domain.decision.swap import ALL
from mingqu.domain.decision.trial import Trial
from mingqu.domain.decision.try_out import PastApplication, TryOut
from mingqu.domain.policy_file import Document
from mingqu.store.decisions.policy import load_pack

APPLICATIONS: Final = 150_000


def run() -> list[dict[str, Any]]:
    """Return the row `lab_replay_150k`."""
    pack = load_pack()
    products = tuple(one.id for one in pack.offered(business_date=BUSINESS_DATE))
    raw = _people()
    read = msgspec.json.Decoder(dict[str, int | bool]).decode

    body: dict[str, Any] = copy.deepcopy(dict(pack.document(kind="grid", name="limit-total").body))
    body["version"] += 1
    body["case"] = [{**case, "value": case["value"] // 2} for case in body["case"]]
    body["cells"] = [[cell // 2 for cell in row] for row in body["cells"]]
    draft = Document(file="limit-draft.toml", body=body)

    start = time.process_time()
    for call in range(APPLICATIONS):
        read(raw[call % len(raw)])
    bare = time.process_time() - start

    start = time.process_time()
    out = TryOut(trial=Trial(pack=pack, drafts=[draft]))
    for call in range(APPLICATIONS):
        inputs = read(raw[call % len(raw)])
        out.add(application=PastApplication(inputs=inputs, business_date=BUSINESS_DATE, product_ids=products))
    out.finish()
    taken = time.process_time() - start
    assert out.tally.group(ALL, ALL).people == APPLICATIONS
    return [
        {
            "name": "lab_replay_150k",
            "value": round(taken, 3),
            "unit": "processor seconds, 150,000 applications decided twice and tallied",
            "yardstick": "processor seconds, decoding the same inputs",
            "yardstick_value": round(bare, 3),
            "ratio": round(taken / bare, 2),
        }
    ]


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
