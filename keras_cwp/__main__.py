"""`python -m keras_cwp` is `keras-cwp`."""

from keras_cwp.cli.main import main

main()
