"""Every key of the store: its type, its lifetime, and who writes it. Read this file first.

All keys have the same hash tag, `{namespace}:`, so that one script can use several of them on Redis Cluster too.

| key | type | lifetime | written by |
|---|---|---|---|
| `seen:<group>` | string `digest|severity|uid|id` | 30 days | commit: the last state of a group |
| `key:<correlation>` | string uid | history | commit: the open, or else the newest, incident of a correlation key |
| `turn:<correlation>` | counter | 30 days | commit: the number of decisions about the key |
| `inc:<uid>` | hash state, version, id, past, similar, restored, superseded, compressed | history | commit, compress |
| `log:<uid>` | list of events | history | commit |
| `alerts:<uid>` | hash fingerprint -> record | history | commit: status, startsAt, digest, sender of each alert |
| `bodies:<uid>` | hash fingerprint -> body | history | commit: labels and annotations |
| `receipts:<uid>` | list | history | complete: responses of vendors; sends nothing, raises no version |
| `owner` | hash fingerprint -> uid | while it fires | commit: the open incident that owns a firing alert |
| `apart` | hash fingerprint -> uid and key | history | commit: alerts that were split off |
| `tomb:<fingerprint>` | string startsAt ms | 1 hour | commit: an end without a beginning; `@sender`: restricted |
| `ids` | hash id -> uid | history | commit |
| `index`, `open` | zset uid by opened at | history; while open | commit |
| `summaries` | hash uid -> version and JSON | while open | commit: the data of open incidents in replicas' memory |
| `uncounted` | zset uid by opened at | history | commit: incidents that do not count toward a storm |
| `again` | zset uid by ms | 2 d | commit: incidents that fired and paged again, which count toward a storm |
| `opened:<team>` | zset uid by ms | 2 d | commit: incidents that count toward a team's storms |
| `number:<prefix>` | counter | forever | commit: the last number of an id |
| `commits` | counter | forever | commit: the number of commits |
| `marks` | hash number modulo 512 -> number and token | forever | commit: the commit of each number, and `last` |
| `changed` | zset uid by `commits` | history | commit: the changes with which replicas update their cache |
| `op:<operation>` | string reply | 1 hour | commit: a repeated operation gets its first answer |
| `due:<lane>` | zset member by time | until done | commit, claim, complete, later: due work |
| `row:<member>` | hash | history | the same: destination, cursor, token, attempts, memory, stray (a late trigger) |
| `rooms` | hash place -> uid | history | keep_room: the incident of a chat channel |
| `once:<key>` | string `[uid, id, version, what]` | 7 days | commit: a request with this key is not repeated |
| `called:<hash>` | string ms | 2 minutes | owe: when a caller has paged a person outside any incident |
| `children:<uid>` | hash uid -> rank | history | commit: the incidents that a storm holds, with their severity |
| `board` | hash kind/id -> JSON | until removed | shared documents: overrides, maintenance windows, hand-offs |
| `board:rev` | counter | forever | shared documents: the number of changes |
| `held` | hash group -> held notification | 60 s | commit: alerts that fire with the startsAt of their own end |
| `dead` | hash member -> dead letter | until replayed or dropped | complete |
| `watchdog` | string ms | forever | intake: the last Watchdog |
| `watchdogs:<labels>` | hash name -> ms | forever | intake: the last heartbeat of each distinct Watchdog |
| `receivers` | set | forever | intake: names of Alertmanager's receivers whose groups have opened an incident |
| `receivers_since` | hash name -> ms | forever | intake: when each of them was first seen |
| `refused` | list | newest 100 | refuse: beginnings of refused bodies |
| `history` | zset of positions | ingest.history | keep: batches of notifications, oldest first |
| `history:texts` | hash position -> batch | ingest.history | keep: compressed notifications |
| `history:size` | counter | ingest.history | keep: the size of the texts in bytes |
| `hits:<day>` | hash rule -> count | 32 days | hits: alerts by the rule that decided their severity, per day (UTC) |
| `unknowns` | hash field -> entry | forever | note: values that severity decisions could not use |
| `paced:<quota>` | zset call by time | a minute after its time | pace: the calls that count against a vendor's quota |
| `queued:<quota>:<rank>` | string ms | until then | pace: the slot after the last assigned one |
| `waiting:<quota>:<rank>` | string ms | until then | pace: when a call of that rank is checked again |
| `went:<quota>:<rank>` | string ms | a minute | pace: when the last call of that rank was made |
| `clock` | hash offset, shown, slewed, steps | forever | agreed_time: the offset of the replicas' time |
| `memory` | hash epoch, until | forever | recover: changes with each loss of data; until when no work is claimed |
| `recovered` | set of ids | 1 hour | give_back: incidents that were written back after a loss |
| `replica:<name>` | string number | 1 day | memory: increases; a lower value than written means an older store |
| `counted:<epoch>` | string | 1 day | memory: the replica that counted the losses before that epoch |
| `checker` | string | 30 s | memory: the replica that queries Alertmanager for ended alerts |
| `calls` | counter | forever | pace: a number for each call |
| `promised` | set | forever | commit: uids of incidents with action items |
| `absorbed` | hash month -> count | forever | absorbed: duplicate notifications |
| `served` | zset lane by time | forever | orphaned rows: when a replica last reported that it serves a lane |
| `told` | string | 10 minutes | refuse: people were notified of refused bodies |
| `answer:<hash>` | string JSON | 25 hours | answer_tokens: the permission of a token in a page |
| `replied:<hash>` | string | 1 hour | answer_tokens: an SMS or a vendor's report was processed |
| `ticket:<name>` | string JSON | history | tickets: the last known state of a ticket |
| `session:<id>` | string JSON | auth.sessions.idle | sessions: who is signed in, and since when |
| `session-ended:<id>` | string | auth.sessions.absolute | sessions: it was ended, so its cookie is invalid |
| `session-check:<id>` | string | 15 s | sessions: the replica that queries the provider |
| `sessions` | zset id by ms of its end | forever | sessions: all sessions |
| `compressed` | hash since, upto | forever | compress: when it began, and the last commit that was checked |
| `similar` | hash upto, count | forever | index_similar: the last indexed commit, and the number of incidents |
| `similar:turn` | string | 3 s | read_unindexed: the replica that indexes |
| `like:<term>` | zset uid by opened at; `#` by its count | history | index_similar: the newest 64 incidents of a term |
| `fired:<term>` | zset uid by opened at | 32 d | index_similar: incidents of an alert in 30 days, the newest 1,000 |
| `subscribers` | hash id -> JSON | until erased | status_subscribers: addresses that get mail from the status page |
| `subscribers:key` | string | forever | status_subscribers: signs the links of subscribers |
| `subscribe:<what>` | string or counter | 1 hour, 1 day | status_subscribers: limits on sign-ups, used links |
| `mail:queue` | zset row by ms | until sent | subscriber_mail: mail to send, by due time |
| `mail:rows` | hash row -> JSON | until sent | subscriber_mail: one mail to one address each |
| `mail:news` | hash key -> JSON | 7 days | subscriber_mail: news for subscribers |
| `mail:told` | hash key -> ms | 7 days | subscriber_mail: news that was queued for all subscribers |
| `mail:windows` | hash id -> JSON | while it lasts | subscriber_mail: maintenance whose end was not mailed yet |
| `mail:leader` | string | 60 s | subscriber_mail: the replica that sends |
| `public:past` | hash uid -> JSON | 400 days, newest 1,000 | public_history: published parts of finished incidents |
| `public:since` | string ms | forever | public_history: since when the history is complete |
| `fence` | string | forever | proves the durability of a duplicate on a server without fsync |
"""

from __future__ import annotations

TIMERS = "timer"
"""The lane of timers; every channel has a lane with its name, and `<name>!` for urgent pages."""


class Keys:
    """The names above, under one namespace."""

    def __init__(self, namespace: str) -> None:
        """`namespace` is `redis.namespace`."""
        self.prefix = f"{{{namespace}}}:"

    def seen(self, group: str) -> str:
        """Key of the last state of a group."""
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
        """Key of a single structure: owner, ids, index, open, changed, held, dead, watchdog, refused ..."""
        return f"{self.prefix}{name}"
