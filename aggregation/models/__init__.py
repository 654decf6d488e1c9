from aggregation.models.job import TrainingJob
from aggregation.models.round import Contribution, Member, Phase, Round, Update

__all__ = ["Contribution", "Member", "Phase", "Round", "TrainingJob", "Update"]
