"""A page to read films on: open a radiograph, draw a box, see what the model says of it, label it.

`pixels` decodes a film for model and browser, `films` lists the films and keeps a few decoded, `tables` keeps what each
reader marked, `answers` asks the model, `training_rois` holds the ROIs that it was trained on, `suggest` says which
patient to read next, `agreement` compares two readers, `app` answers the page by HTTP, and `assets/` is the page.

Toolkit: Starlette and uvicorn, on which the REST server of `serving` stands too, and a page of plain HTML, CSS and
JavaScript modules without any library. NiceGUI 3.18 was tried first. It brings 49 packages of 105 MB. Its picture
element turns a film of 2,500 × 3,000 pixels into an 8-bit PNG, which takes 0.8 to 1 s and leaves no grey values to
window in the browser. So the canvas, which is most of this page, would be the same JavaScript inside of NiceGUI, and
each event of a drag would go to the server and back.
"""
