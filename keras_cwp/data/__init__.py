"""From radiograph files and a ROI table to a prepared data set and its tf.data pipeline."""
