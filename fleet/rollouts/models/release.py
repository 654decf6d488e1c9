from django.db import models
from django.db.models.functions import Now


class ReleaseEpoch(models.Model):
    """The first half of every generation; raised after a restore from backup, so that no node is sent an older target.

    The second half comes from the sequence `rollouts_generation_seq`. There is one row.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.BigIntegerField(default=1)
    raised_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="release_epoch_is_one_row")]
