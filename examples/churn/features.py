"""From the raw table of customers to what the model sees."""

import pandas as pd

NUMERIC = ["tenure_months", "monthly_fee", "support_calls"]


def build_features(customers):
    features = customers[NUMERIC].copy()
    features["fee_per_month_of_tenure"] = customers["monthly_fee"] / (
        customers["tenure_months"] + 1
    )
    plans = pd.get_dummies(customers["plan"], prefix="plan")
    return pd.concat([features, plans], axis=1)
