from fleet.rollouts.models.plan import ShardingPlan
from fleet.rollouts.models.release import ReleaseEpoch
from fleet.rollouts.models.rollout import Assignment, Rollout

__all__ = ["Assignment", "ReleaseEpoch", "Rollout", "ShardingPlan"]
