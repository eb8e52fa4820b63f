"""Writes reference.json: what Optuna and scikit-learn say to the questions that src/search is asked in its tests.

pip install optuna scikit-learn; python reference.py
"""
import json, math, random, warnings
from pathlib import Path
import numpy as np
import optuna, sklearn
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def branin(t):
    x, y = t.suggest_float("x", -5, 10), t.suggest_float("y", 0, 15)
    return (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P = [[.1312, .1696, .5569, .0124, .8283, .5886], [.2329, .4135, .8307, .3736, .1004, .9991],
     [.2348, .1451, .3522, .2883, .3047, .6650], [.4047, .8828, .8732, .5743, .1091, .0381]]


def hartmann6(t):
    x = [t.suggest_float(f"x{i}", 0, 1) for i in range(6)]
    return -sum(c * math.exp(-sum(a * (v - p) ** 2 for a, v, p in zip(A[i], x, P[i]))) for i, c in enumerate([1, 1.2, 3, 3.2]))


def mixed(t):
    """A learning rate on a logarithmic axis, a whole number, a choice that shifts the optimum."""
    rate = t.suggest_float("rate", 1e-5, 1, log=True)
    units = t.suggest_int("units", 4, 256, log=True)
    kind = t.suggest_categorical("kind", ["a", "b", "c", "d"])
    shift = {"a": 0, "b": 1, "c": 2, "d": 0.5}[kind]
    return (math.log10(rate) + 3) ** 2 + (math.log2(units) - 6) ** 2 / 4 + shift


def zdt1(t):
    x = [t.suggest_float(f"x{i}", 0, 1) for i in range(6)]
    g = 1 + 9 * sum(x[1:]) / 5
    return x[0], g * (1 - math.sqrt(x[0] / g))


def best(objective, sampler, trials, seeds):
    out = []
    for seed in range(seeds):
        study = optuna.create_study(sampler=sampler(seed))
        study.optimize(objective, n_trials=trials)
        out.append(study.best_value)
    return out


def volume(sampler, trials, seeds):
    out = []
    for seed in range(seeds):
        study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler(seed))
        study.optimize(zdt1, n_trials=trials)
        out.append(optuna._hypervolume.compute_hypervolume(np.array([t.values for t in study.best_trials]), np.array([1.1, 11.0])))
    return out


S = optuna.samplers
tpe = lambda seed: S.TPESampler(seed=seed, multivariate=True)
rs = lambda seed: S.RandomSampler(seed=seed)
result = {"versions": {"optuna": optuna.__version__, "scikit-learn": sklearn.__version__}, "seeds": 20, "best": {}}
for name, objective, trials in [("branin", branin, 60), ("hartmann6", hartmann6, 80), ("mixed", mixed, 60)]:
    result["best"][name] = {"trials": trials, "tpe": best(objective, tpe, trials, 20), "random": best(objective, rs, trials, 20)}
result["zdt1"] = {"trials": 300, "reference": [1.1, 11.0], "nsga2": volume(lambda s: S.NSGAIISampler(seed=s), 300, 10),
                  "random": volume(rs, 300, 10)}

rng = np.random.default_rng(0)
points = rng.random((12, 5, 3)).tolist()
result["hypervolume"] = [{"points": p, "reference": [1, 1, 1],
                          "volume": float(optuna._hypervolume.compute_hypervolume(np.array(p), np.ones(3)))} for p in points]
X = rng.random((14, 3)); y = np.sin(5 * X[:, 0]) + X[:, 1] ** 2; Q = rng.random((6, 3))
scales, noise = [0.4, 0.8, 2.0], 1e-3
z = (y - y.mean()) / y.std()
gp = GaussianProcessRegressor(kernel=Matern(scales, nu=2.5), alpha=noise, optimizer=None).fit(X, z)
m, s = gp.predict(Q, return_std=True)
result["gaussianProcess"] = {"x": X.tolist(), "y": y.tolist(), "lengthScales": scales, "noise": noise, "query": Q.tolist(),
                             "mean": (m * y.std() + y.mean()).tolist(), "deviation": (s * y.std()).tolist(),
                             "logLikelihood": float(gp.log_marginal_likelihood_value_)}
Path(__file__).with_name("reference.json").write_text(json.dumps(result))
print({k: {n: float(np.mean(v)) for n, v in d.items() if isinstance(v, list)} for k, d in result["best"].items()},
      np.mean(result["zdt1"]["nsga2"]), np.mean(result["zdt1"]["random"]))
