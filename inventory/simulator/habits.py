"""The invented creators of the lively fleet: when they create instances, of which type, and for how long."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

LARGE = "gpu_8x_h100_sxm5"
SMALL = "gpu_1x_h100_sxm5"
SECTORS = ("sector_1", "sector_2", "sector_3")
NETWORKS = ("203.0.113", "198.51.100", "192.0.2")
"""The first three bytes of the IPv4 networks that RFC 5737 reserves for documentation."""

SATURDAY = 5
OFFICE = (0.03,) * 7 + (0.1, 0.4, 1.0, 1.2, 1.1, 0.6, 0.9, 1.2, 1.1, 0.9, 0.6, 0.3, 0.2, 0.2, 0.15, 0.1, 0.05)
NIGHT = (1.0, 0.8, 0.5) + (0.0,) * 18 + (0.3, 0.8, 1.0)
"""OFFICE and NIGHT are the activity in each hour of the local day, from midnight. Only the proportions matter."""


@dataclass(frozen=True, slots=True)
class Habit:
    """A pattern of use, which several creators may have.

    - `share`: the average share of the whole fleet that all creators with this habit have together.
    - `life`: the mean life of an instance in days. `spread`: the sigma of the lognormal distribution of lives.
    - `trouble`: the mean time in days from the status `ready` to the next status, which is `stopped` or `unknown`.
      `stops`: how often the next status is `stopped`, from 0 to 1. `rest`: the mean time in hours from `stopped` to
      `ready`.
    - `large`: the share of instances with 8 GPUs.
    - `hours`: the activity in each hour of the day. `weekend`: the factor for this activity on weekends.
    - `burst`: whether instances are created in groups.
    """

    share: float
    life: float
    spread: float
    trouble: float
    stops: float
    rest: float
    large: float
    hours: tuple[float, ...] = OFFICE
    weekend: float = 0.15
    burst: bool = False

    def busy(self, local: datetime) -> float:
        """Return the activity at a local time, from 0 to `busiest`."""
        return self.hours[local.hour] * (self.weekend if local.weekday() >= SATURDAY else 1)

    @property
    def busiest(self) -> float:
        """Return the largest value of `busy`."""
        return max(self.hours)

    @property
    def average(self) -> float:
        """Return the mean of `busy` over a week."""
        return sum(self.hours) / 24 * (5 + 2 * self.weekend) / 7

    def days(self, rng: Random, *, standing: bool = False) -> float:
        """Return the random length, in days, of the life of a new instance.

        With `standing`, return the length for an instance that is alive at a random time. Such lives are longer on
        average, because a random time falls into a long life more often than into a short one.
        """
        mu = math.log(self.life) - self.spread**2 / 2
        return rng.lognormvariate(mu + (self.spread**2 if standing else 0), self.spread)


INTERACTIVE = Habit(share=0.04, life=0.27, spread=0.6, trouble=1.5, stops=0.7, rest=1.5, large=0.15)
WORKSTATION = Habit(share=0.18, life=7, spread=0.5, trouble=0.5, stops=0.9, rest=12, large=0.1)
TRAINING = Habit(share=0.30, life=3.5, spread=0.7, trouble=5, stops=0.3, rest=3, large=0.8, weekend=0.3)
SERVING = Habit(share=0.463, life=16, spread=0.5, trouble=12, stops=0.4, rest=2, large=0.45)
BATCH = Habit(
    share=0.017, life=0.2, spread=0.35, trouble=4, stops=0, rest=1, large=1, hours=NIGHT, weekend=0.4, burst=True
)


@dataclass(frozen=True, slots=True)
class Creator:
    """A user who creates instances.

    `part` is this user's part of the habit's `share`, from 0 to 1. `zone` is the time zone in hours ahead of UTC. The
    region of each instance or group is one of `regions`, all with the same probability.
    """

    nickname: str
    habit: Habit
    part: float
    zone: int
    regions: tuple[str, ...]

    def local(self, at: datetime) -> datetime:
        """Return the local time of this user at the UTC time `at`."""
        return at + timedelta(hours=self.zone)


CREATORS = (
    Creator("mira", INTERACTIVE, 0.6, 1, ("eu-west", "eu-north")),
    Creator("jun", INTERACTIVE, 0.4, 9, ("us-west", "other")),
    Creator("kofi", WORKSTATION, 0.5, 0, ("eu-west", "us-east")),
    Creator("sunniva", WORKSTATION, 0.5, 1, ("eu-north",)),
    Creator("priya", TRAINING, 0.5, -8, ("us-west", "us-central")),
    Creator("oskar", TRAINING, 0.3, 1, ("eu-north", "us-east", "eu-west")),
    Creator("lena", TRAINING, 0.2, -5, ("us-east", "us-central")),
    Creator("serving-bot", SERVING, 1, 0, ("us-east", "eu-west", "us-west", "other")),
    Creator("nightly-batch", BATCH, 1, -8, ("us-central", "us-west")),
)
