"""Policies against what put them into force: content as it was hashed, and two people for what takes two."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

_CONTENT: Final[LiteralString] = """
    SELECT format('policy %%s/%%s version %%s is not what its hash says', kind, id, version)
    FROM policy_version
    WHERE encode(sha256(body), 'hex') <> hash
       OR (convert_from(body, 'UTF8')::jsonb ->> 'kind', convert_from(body, 'UTF8')::jsonb ->> 'id',
           (convert_from(body, 'UTF8')::jsonb ->> 'version')::integer) IS DISTINCT FROM (kind, id, version)"""

_PUBLISHED: Final[LiteralString] = """
    SELECT format('publication %%s was not made by two people', coalesce(u.sequence::text, p.proposal_id::text))
    FROM (SELECT * FROM policy_publication WHERE proposal_id IS NOT NULL) u
    LEFT JOIN policy_version v ON (v.kind, v.id, v.version) = (u.kind, u.id, u.version)
    FULL JOIN (SELECT * FROM proposal WHERE state = 'approved' AND deed = 'publish_policy') p
        ON p.proposal_id = u.proposal_id
    WHERE NOT coalesce(
        p.body ->> 'kind' = u.kind AND p.body ->> 'name' = u.id AND (p.body ->> 'version')::integer = u.version
        AND (p.body ->> 'from_date')::date IS NOT DISTINCT FROM u.from_date AND p.body ->> 'hash' = v.hash
        AND p.decided_at = u.published_at, false)
    UNION ALL
    SELECT format('policy %%s/%%s was approved by whoever drafted it', u.kind, u.id)
    FROM policy_publication u JOIN policy_version v ON (v.kind, v.id, v.version) = (u.kind, u.id, u.version)
    JOIN policy_draft d ON (d.kind, d.id, d.version, d.hash) = (v.kind, v.id, v.version, v.hash)
    JOIN proposal p ON p.proposal_id = u.proposal_id AND p.checker_id = d.drafted_by"""

# What came with the program never follows what two people published, and the list has no hole.
_CAME: Final[LiteralString] = """
    SELECT format('publication %%s came with the program after two people had published that policy', u.sequence)
    FROM policy_publication u WHERE u.proposal_id IS NULL AND EXISTS (
        SELECT FROM policy_publication b
        WHERE (b.kind, b.id) = (u.kind, u.id) AND b.sequence < u.sequence AND b.proposal_id IS NOT NULL)
    UNION ALL
    SELECT 'the list of publications has a hole' FROM policy_publication HAVING count(*) <> max(sequence)"""

# What lends again, and who is on a list no more before the day, takes the proposal that two people carried out.
_UNDONE: Final[LiteralString] = """
    WITH approved AS (SELECT * FROM proposal WHERE state = 'approved' AND deed IN ('switch_on', 'unlist'))
    SELECT format('switch %%s was not put on by two people', s.switch_id)
    FROM policy_switch s LEFT JOIN approved p
        ON p.proposal_id = s.on_by AND p.deed = 'switch_on' AND p.subject_id = s.switch_id AND p.decided_at = s.on_at
    LEFT JOIN operator o ON o.operator_id = s.on_by
    WHERE s.on_at IS NOT NULL AND p.proposal_id IS NULL
      AND NOT coalesce(o.operator_id IS NOT NULL AND (s.kind = 'rule' OR s.ends_on <= (s.on_at AT TIME ZONE 'UTC'
                       + interval '8 hours')::date), false)
    UNION ALL
    SELECT format('list entry %%s was not taken off by two people', e.entry_id)
    FROM list_entry e LEFT JOIN approved p
        ON p.proposal_id = e.removed_by AND p.deed = 'unlist' AND p.subject_id = e.entry_id
       AND p.decided_at = e.removed_at
    WHERE e.removed_at IS NOT NULL AND p.proposal_id IS NULL
    UNION ALL
    SELECT format('proposal %%s was carried out, but what it is about stands as before', p.proposal_id)
    FROM approved p
    LEFT JOIN policy_switch s ON s.on_by = p.proposal_id LEFT JOIN list_entry e ON e.removed_by = p.proposal_id
    WHERE s.switch_id IS NULL AND e.entry_id IS NULL"""


def policies(tx: Transaction) -> list[str]:
    """Return a sentence for each policy that is not what was published, and each publication that nobody may make."""
    return [
        sentence
        for check in (_CONTENT, _PUBLISHED, _CAME, _UNDONE)
        for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)
    ]
