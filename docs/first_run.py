# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A first run
#
# From radiographs to predictions in one notebook. The radiographs are phantoms, drawn here. With your own, leave out
# the first cell of code, and name your table and folder. It takes three to four minutes on two CPU cores.

# %%
import keras_cwp as cwp

table = cwp.draw_phantoms("phantoms", patients=60, seed=1, side_px=256)
print(table.read_text()[:180])

# %% [markdown]
# `prepare` checks every file, box and patient, crops the regions of interest (ROIs) and writes a data set.

# %%
data = cwp.prepare(table, images="phantoms/images", out="data", image_size=96)
print(len(data), "ROIs, classes", *data.classes)

# %% [markdown]
# `audit_data` looks for what would spoil a result. Errors would make the figures untrustworthy; there should be none.

# %%
audit = cwp.audit_data(data)
print(len(audit.errors), "errors")

# %% [markdown]
# `fit` trains on most of the patients and judges the network on patients that it has not seen. The configuration
# `default` starts from weights that have seen chest radiographs; phantoms need fewer epochs than real radiographs.

# %%
run = cwp.fit(data, "runs/first", config="default", epochs=8, batch_size=16, bootstraps=500)
print(run.summary)

# %%
run.scores.head()

# %% [markdown]
# `run.report()` is the whole page, with curves, intervals and examples. A notebook shows the page when this is the last
# line of a cell. Here only the path is printed, so that this file stays small.

# %%
print(run.report())

# %% [markdown]
# A model is opened from the run. Boxes are x, y, width and height in pixels of the radiograph.

# %%
model = cwp.load("runs/first")
film = min(table.parent.glob("images/*.png"))
model.predict(film, boxes=[(75, 90, 40, 40), (150, 100, 40, 40)])

# %% [markdown]
# `export` writes what TensorFlow Serving loads. Without TensorFlow Serving, `keras-cwp serve saved_models/cwp` answers
# the same requests.

# %%
print(model.export("saved_models/cwp"))
