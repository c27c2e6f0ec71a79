"""How the site behaves, as configured: the queue's policy and the proof of presence.

Pure data; `types.py` says how these types are used. The defaults are those of `experience.md` and of the core.
"""

from dataclasses import dataclass
from typing import Annotated

from agent.config.settings import Secret, setting
from agent.core.layout import AdHocStart, PartnerPresence


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """How the queue behaves. The defaults suit most sites."""

    arrival_window_min: Annotated[
        float, setting("How long a bay is kept for whom was called", ge=0.1, le=60, unit="min")
    ] = 5
    long_arrival_window_min: Annotated[
        float, setting("The same for people who need more time to move", ge=0.1, le=120, unit="min")
    ] = 10
    extension_min: Annotated[float, setting('What "I am on my way" adds, once', ge=0, le=30, unit="min")] = 2
    arrival_pause_min: Annotated[
        float, setting("How long a car in a kept bay stops the no-show clock", ge=0, le=30, unit="min")
    ] = 3
    misses_allowed: Annotated[int, setting("Missed calls before a check-in ends", ge=0, le=10, unit="calls")] = 1
    requeue_behind: Annotated[int, setting("Places that a missed call costs", ge=0, le=100, unit="places")] = 2
    snooze_limit: Annotated[int, setting("How often somebody may let others go first", ge=0, le=20, unit="times")] = 3
    snooze_max_min: Annotated[int, setting("Longest time of letting others go first", ge=1, le=240, unit="min")] = 60
    undo_s: Annotated[float, setting("How long leaving the queue can be taken back", ge=0, le=300, unit="s")] = 30
    plug_timeout_min: Annotated[
        float, setting("Authorised, but nothing plugged in: when that ends", ge=0.1, le=30, unit="min")
    ] = 2
    blocked_grace_min: Annotated[
        float, setting("A car without a plug: when its bay counts as blocked", ge=0.1, le=120, unit="min")
    ] = 10
    pause_to_finished_min: Annotated[
        float, setting("The car takes no energy: when charging counts as finished", ge=0.1, le=120, unit="min")
    ] = 3
    move_grace_min: Annotated[float, setting("Charging has ended: time to drive away", ge=0, le=240, unit="min")] = 10
    reconcile_s: Annotated[float, setting("After a start: how long to wait for all inputs", ge=1, le=600, unit="s")] = (
        30
    )
    longest_wait_h: Annotated[
        float, setting("Nobody waits longer; whoever does has gone home", ge=0.1, le=48, unit="h")
    ] = 12
    keep_ended_h: Annotated[
        float, setting("How long an ended check-in can still be looked at", ge=0.1, le=168, unit="h")
    ] = 24
    cohort_no_shows: Annotated[
        int, setting("No-shows of one presence window after which its other check-ins must scan again", ge=1, le=100)
    ] = 2
    unproven_no_shows: Annotated[
        int, setting("No-shows within the span below after which all ad hoc check-ins must scan again", ge=1, le=1000)
    ] = 5
    unproven_span_min: Annotated[float, setting("The span for it", ge=1, le=1440, unit="min")] = 30
    walk_in_risk_percent: Annotated[
        int,
        setting(
            "Up to which probability somebody without a booking may endanger a booked start", ge=0, le=100, unit="%"
        ),
    ] = 12
    ad_hoc_start: Annotated[
        AdHocStart, setting('Start without a card: "none", "free" of charge, or with an IdToken of yours at the "csms"')
    ] = AdHocStart.NONE
    ad_hoc_id_token: Annotated[
        Secret | None,
        setting(
            'The IdToken for ad_hoc_start = "csms"',
            pattern=r"\A[!-~]{1,36}\Z",
            form="1 to 36 signs without blanks",
            examples=["AD-HOC-1"],
        ),
    ] = None
    partner_presence: Annotated[
        PartnerPresence,
        setting(
            'Check-ins of partners: "trust" them to say when their user arrives, or keep them on the road until a '
            '"scan", a card or the bay sensor shows the user on site'
        ),
    ] = PartnerPresence.TRUST
    accept_on_plug: Annotated[
        bool, setting('With ad_hoc_start = "free": plugging in starts energy, without the page')
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSettings:
    """The rotating code on the displays that proves that somebody is on site."""

    window_s: Annotated[
        int, setting("How long one code is shown; it is good for two such windows", ge=20, le=600, unit="s")
    ] = 60
    joins_per_display: Annotated[
        int, setting("Check-ins on the codes of one window, for each display", ge=1, le=100, unit="check-ins")
    ] = 4
    wrong_tries: Annotated[
        int,
        setting(
            "Wrong codes typed in one window at the whole location, then typing pauses", ge=3, le=1000, unit="tries"
        ),
    ] = 20
