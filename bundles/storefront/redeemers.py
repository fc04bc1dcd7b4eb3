"""The part of the batch expression that the redemption model reads, so that training need not compute the rest."""

from batch import redeemers

TABLES = {"visitor": redeemers}
