"""The public Python API, one subject a file; `import keras_cwp` hands its names on."""
