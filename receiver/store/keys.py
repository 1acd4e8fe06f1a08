"""Every key of the store: its type, its lifetime, and who writes it. Read this file first.

All keys carry one hash tag, `{namespace}:`, so that a script may touch them together on Redis Cluster too.

| key | type | lifetime | written by |
|---|---|---|---|
| `seen:<group>` | string `digest|severity|uid|id` | 30 days | commit: what a group last said |
| `key:<correlation>` | string uid | history | commit: the open, or else the newest, incident of a correlation key |
| `turn:<correlation>` | counter | 30 days | commit: decisions about the key, counted |
| `inc:<uid>` | hash state, version, id, past, similar, restored, superseded, compressed | history | commit, compress |
| `log:<uid>` | list of events | history | commit |
| `alerts:<uid>` | hash fingerprint -> record | history | commit: status, startsAt, digest, sender of each alert |
| `bodies:<uid>` | hash fingerprint -> body | history | commit: labels and annotations |
| `receipts:<uid>` | list | history | complete: what vendors answered; addresses nobody, raises no version |
| `owner` | hash fingerprint -> uid | while it fires | commit: which open incident holds a firing alert |
| `apart` | hash fingerprint -> uid and key | history | commit: alerts that were split off |
| `tomb:<fingerprint>` | string startsAt ms | 1 hour | commit: an end alone; `@sender` of a restricted one |
| `ids` | hash id -> uid | history | commit |
| `index`, `open` | zset uid by opened at | history; while open | commit |
| `summaries` | hash uid -> version and JSON | while open | commit: what replicas keep of an open incident |
| `uncounted` | zset uid by opened at | history | commit: what a storm does not count |
| `again` | zset uid by ms | 2 d | commit: what fired again and called people anew, which counts in a storm |
| `opened:<team>` | zset uid by ms | 2 d | commit: what opened or called anew for a team, which counts in its storms |
| `number:<prefix>` | counter | for ever | commit: draws the number of an id |
| `commits` | counter | for ever | commit: one more with each |
| `marks` | hash number modulo 512 -> number and token | for ever | commit: the commit of each number, and `last` |
| `changed` | zset uid by `commits` | history | commit: what replicas follow to keep their cache |
| `op:<operation>` | string reply | 1 hour | commit: a repeated operation gets its first answer |
| `due:<lane>` | zset member by time | until done | commit, claim, complete, later: work that is owed |
| `row:<member>` | hash | history | the same: destination, cursor, token, attempts, memory, stray (a late trigger) |
| `rooms` | hash place -> uid | history | keep_room: which incident a place of its own in chat belongs to |
| `once:<key>` | string `[uid, id, version, what]` | 7 days | commit: a request under this key is not done again |
| `called:<hash>` | string ms | 2 minutes | owe: when a caller has paged a person outside any incident |
| `children:<uid>` | hash uid -> rank | history | commit: what a storm holds back, and how severe each is |
| `board` | hash kind/id -> JSON | until taken away | board: overrides, maintenance windows, hand-overs |
| `board:rev` | counter | for ever | board: one more with each change |
| `held` | hash group -> held notification | 60 s | commit: firing again with the startsAt of its own end |
| `dead` | hash member -> letter | until replayed or dropped | complete |
| `watchdog` | string ms | for ever | intake: the last heartbeat |
| `watchdogs:<labels>` | hash name -> ms | for ever | intake: the last heartbeat of each that is told apart |
| `receivers` | set | for ever | intake: names of Alertmanager's receivers whose groups have opened something |
| `receivers_since` | hash name -> ms | for ever | intake: when each of them was first seen |
| `refused` | list | newest 100 | refuse: heads of bodies that could not be taken |
| `history` | zset of places | ingest.history | keep: batches of notifications, the oldest first |
| `history:texts` | hash place -> batch | ingest.history | keep: compressed notifications |
| `history:size` | counter | ingest.history | keep: bytes of the texts |
| `hits:<day>` | hash rule -> count | 32 days | hits: alerts by the rule that decided their severity, a day (UTC) each |
| `unknowns` | hash field -> entry | for ever | note: what severities were decided without |
| `paced:<quota>` | zset call by time | a minute after its time | pace: the calls that count against a vendor's quota |
| `queued:<quota>:<rank>` | string ms | until then | pace: the turn behind the last one that was given |
| `waiting:<quota>:<rank>` | string ms | until then | pace: when somebody of that rank asks again |
| `went:<quota>:<rank>` | string ms | a minute | pace: when the last of that rank went |
| `clock` | hash offset, shown, slewed, steps | for ever | agreed_time: how far the replicas' time is from this clock |
| `memory` | hash epoch, until | for ever | recover: changes when the store has forgotten; until when nobody claims |
| `recovered` | set of ids | 1 hour | give_back: what was written back to a store that had forgotten it |
| `replica:<name>` | string number | 1 day | memory: rises; a lower one than was written says that the store is older |
| `counted:<epoch>` | string | 1 day | memory: the replica that has counted what the store had lost before that epoch |
| `checker` | string | 30 s | memory: the replica that asks Alertmanager what is over |
| `calls` | counter | for ever | pace: a number for each call |
| `promised` | set | for ever | commit: uids of incidents with action items |
| `absorbed` | hash month -> count | for ever | absorbed: notifications that said nothing new |
| `served` | zset lane by time | for ever | orphaned rows: when a replica last said that it serves a lane |
| `told` | string | 10 minutes | refuse: people were told of refused bodies |
| `answer:<hash>` | string JSON | 25 hours | answer_tokens: what a token of a page on a phone allows |
| `replied:<hash>` | string | 1 hour | answer_tokens: an SMS or a report of a vendor was taken |
| `ticket:<name>` | string JSON | history | tickets: how a ticket was last seen at its vendor |
| `session:<id>` | string JSON | auth.sessions.idle | sessions: who is signed in, and since when |
| `session-ended:<id>` | string | auth.sessions.absolute | sessions: it was ended, whatever its cookie says |
| `session-check:<id>` | string | 15 s | sessions: the replica that asks the provider about it |
| `sessions` | zset id by ms of its end | for ever | sessions: all of them |
| `compressed` | hash since, upto | for ever | compress: when it began, and the last commit it has looked at |
| `similar` | hash upto, count | for ever | index_similar: the last commit it knows, how many it has |
| `similar:turn` | string | 3 s | read_unindexed: the replica that indexes |
| `like:<term>` | zset uid by opened at; `#` by its count | history | index_similar: the newest 64 incidents of a term |
| `fired:<term>` | zset uid by opened at | 32 d | index_similar: incidents of an alert in 30 days, the newest 1,000 |
| `subscribers` | hash id -> JSON | until erased | status_subscribers: addresses that get mail from the status page |
| `subscribers:key` | string | for ever | status_subscribers: signs the links of subscribers |
| `subscribe:<what>` | string or counter | 1 hour, 1 day | status_subscribers: limits on sign-ups, used links |
| `mail:queue` | zset row by ms | until sent | subscriber_mail: mail to send, by when it is due |
| `mail:rows` | hash row -> JSON | until sent | subscriber_mail: one mail to one address each |
| `mail:news` | hash key -> JSON | 7 days | subscriber_mail: what subscribers are told |
| `mail:told` | hash key -> ms | 7 days | subscriber_mail: news that is in the queue for everyone |
| `mail:windows` | hash id -> JSON | while it lasts | subscriber_mail: maintenance whose end is to be told |
| `mail:leader` | string | 60 s | subscriber_mail: the replica that sends |
| `public:past` | hash uid -> JSON | 400 days, newest 1,000 | public_history: what the public was told of what is over |
| `public:since` | string ms | for ever | public_history: from when on that is complete |
| `fence` | string | for ever | a duplicate's proof of durability on a server without fsync |
"""

from __future__ import annotations

TIMERS = "timer"
"""The lane of timers; every channel has a lane of its own name, and `<name>!` for urgent pages."""


class Keys:
    """The names above, under one namespace."""

    def __init__(self, namespace: str) -> None:
        """`namespace` is `redis.namespace`."""
        self.prefix = f"{{{namespace}}}:"

    def seen(self, group: str) -> str:
        """Key of what a group last said."""
        return f"{self.prefix}seen:{group}"

    def incident(self, uid: str) -> str:
        """Key of a snapshot."""
        return f"{self.prefix}inc:{uid}"

    def log(self, uid: str) -> str:
        """Key of a log of events."""
        return f"{self.prefix}log:{uid}"

    def alerts(self, uid: str) -> str:
        """Key of the alert records."""
        return f"{self.prefix}alerts:{uid}"

    def bodies(self, uid: str) -> str:
        """Key of the alert bodies."""
        return f"{self.prefix}bodies:{uid}"

    def receipts(self, uid: str) -> str:
        """Key of the receipts."""
        return f"{self.prefix}receipts:{uid}"

    def due(self, lane: str) -> str:
        """Key of a lane of due work."""
        return f"{self.prefix}due:{lane}"

    def row(self, member: str) -> str:
        """Key of a row of due work."""
        return f"{self.prefix}row:{member}"

    def named(self, name: str) -> str:
        """Key of one of a kind: owner, ids, index, open, changed, held, dead, watchdog, refused ..."""
        return f"{self.prefix}{name}"
