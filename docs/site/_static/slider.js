// A slider under each figure.slider: it switches one of the figure's lines on, and says its
// values. Without this script the figure is static, with the middle line on.
"use strict";

function attach(figure, index) {
  const lines = [...figure.querySelectorAll("polyline.value")];
  const id = `slider-${index}`;

  const label = document.createElement("label");
  label.htmlFor = id;

  const range = document.createElement("input");
  range.type = "range";
  range.id = id;
  range.min = 0;
  range.max = lines.length - 1;
  range.value = lines.findIndex((line) => line.classList.contains("on"));

  const said = document.createElement("output");
  said.setAttribute("for", id);

  function show() {
    lines.forEach((line, i) => line.classList.toggle("on", i === Number(range.value)));
    const line = lines[Number(range.value)];
    figure.querySelector("svg").append(line); // on top of the others
    label.textContent = line.dataset.label;
    range.setAttribute("aria-valuetext", line.dataset.label);
    said.textContent = line.dataset.said;
  }

  range.addEventListener("input", show);
  const controls = document.createElement("div");
  controls.className = "controls";
  controls.append(label, range, said);
  figure.insertBefore(controls, figure.querySelector("figcaption"));
  show();
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("figure.slider").forEach(attach);
});
