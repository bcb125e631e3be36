"""Train a model that predicts which customers leave."""

import argparse
import json
import os

import joblib
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split

from features import build_features


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="data/customers.csv", help="table of customers")
    parser.add_argument("--output-dir", default="outputs", help="where the model goes")
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def save_importance(model, names):
    table = pd.DataFrame({"feature": names, "importance": model.feature_importances_})
    table.sort_values("importance", ascending=False).to_csv("importance.csv", index=False)


def main():
    args = parse_args()
    os.makedirs(args.output_dir, exist_ok=True)

    customers = pd.read_csv(args.data)
    x, y = build_features(customers), customers["left"]
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=0.25, random_state=args.seed, stratify=y
    )

    model = GradientBoostingClassifier(
        n_estimators=args.trees, learning_rate=args.learning_rate, random_state=args.seed
    )
    model.fit(x_train, y_train)

    probability = model.predict_proba(x_test)[:, 1]
    metrics = {
        "accuracy": round(accuracy_score(y_test, probability > 0.5), 4),
        "roc_auc": round(roc_auc_score(y_test, probability), 4),
    }
    print(f"accuracy {metrics['accuracy']:.3f}, ROC AUC {metrics['roc_auc']:.3f}")

    joblib.dump(model, os.path.join(args.output_dir, "model.joblib"))
    with open(os.path.join(args.output_dir, "metrics.json"), "w") as file:
        json.dump(metrics, file, indent=2)
    ConfusionMatrixDisplay.from_predictions(y_test, probability > 0.5)
    plt.savefig(os.path.join(args.output_dir, "confusion.png"))
    save_importance(model, list(x.columns))
    return metrics


if __name__ == "__main__":
    main()
