"""The course of a debt whose interest follows what is really owed: lending, paying, repricing, pausing."""

from mingqu.domain.course.course import Course
from mingqu.domain.course.operation import (
    change_rate,
    credit,
    keep_bearing,
    lend,
    lend_full_term,
    lend_whole_plan,
    pause,
    pay_interest,
    pay_principal,
    repay_ahead,
)
from mingqu.domain.course.reckoning import Movement
from mingqu.domain.course.stretch import Stretch
from mingqu.domain.course.target import settle_last
from mingqu.domain.course.terms import Bearing, CourseTerms, Share
from mingqu.domain.course.view import as_of, due_if_paid, interest_until, outstanding

__all__ = [
    "Bearing",
    "Course",
    "CourseTerms",
    "Movement",
    "Share",
    "Stretch",
    "as_of",
    "change_rate",
    "credit",
    "due_if_paid",
    "interest_until",
    "keep_bearing",
    "lend",
    "lend_full_term",
    "lend_whole_plan",
    "outstanding",
    "pause",
    "pay_interest",
    "pay_principal",
    "repay_ahead",
    "settle_last",
]
