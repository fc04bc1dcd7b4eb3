"""What each input added to the answer of a scikit-learn tree or of a sum of trees: exact Shapley values, by shap.

shap is optional and slow to import, so it is imported when contributions are asked for. An expectation follows the
training rows that came through each node (Lundberg et al. 2018, `tree_path_dependent`). Boosting adds up margins;
classifiers that average trees have none: theirs add up to the probability.
"""

import numpy as np
from sklearn import ensemble, tree
from sklearn.base import BaseEstimator

from compiler.exporters import ExportError, not_installed
from engine.column import Array

_GRADIENT_BOOSTING = (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor)
_OTHER_TREES = (
    *(tree.DecisionTreeClassifier, tree.DecisionTreeRegressor, tree.ExtraTreeClassifier, tree.ExtraTreeRegressor),
    *(ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor),
    *(ensemble.RandomForestClassifier, ensemble.RandomForestRegressor),
    *(ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor),
)


def is_explained(model: BaseEstimator) -> bool:
    """Whether shap reads a model as scikit-learn does. A subclass may answer otherwise, so only these types."""
    if type(model) in _GRADIENT_BOOSTING:
        return model.init is None and model.loss != "exponential"  # shap starts others elsewhere, or refuses them
    return type(model) in _OTHER_TREES


def contributions(model: BaseEstimator, rows: Array) -> Array:
    """Per row what each input added, and last what the model says of nobody. Raises `ExportError` without shap."""
    try:
        from shap import TreeExplainer
    except ModuleNotFoundError as error:
        raise not_installed("explaining scikit-learn's trees", error.name, "shap") from None
    except ImportError as error:
        hint = "pip install --upgrade 'edgewise[shap]'"
        raise ExportError(f"explaining scikit-learn's trees needs shap, which does not load: {error}", hint) from None
    explainer = TreeExplainer(model, feature_perturbation="tree_path_dependent")
    added = np.asarray(explainer.shap_values(rows, check_additivity=False))  # who asks compares with the scorer
    base = np.ravel(explainer.expected_value)[-1]
    of_one = added[:, :, -1] if added.ndim == 3 else added  # of two classes the second
    return np.column_stack([of_one, np.full(len(rows), base)])
