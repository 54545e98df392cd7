// Plays a recorded run in plain HTML: finished text, and the cells of the current block.

const WHERE =
  "Chrome and Edge have it from version 113 (on Linux from 144), Safari from 26, Firefox on Windows from 141 and on Macs from 145.";
/** Milliseconds of a moment. */
const MOMENT = 140;

function made(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Moments of a run: the text so far, and the cells of the block that is being denoised. */
function momentsOf(events) {
  const moments = [];
  let text = "";
  for (const event of events) {
    if (event.event === "step") moments.push({ text, cells: event.cells });
    if (event.event === "block") text += event.text ?? "";
    if (event.event === "done") moments.push({ text, cells: [] });
  }
  return moments;
}

function draw(page, prompt, moment) {
  const own = moment.cells.filter((cell) => cell.state !== "given");
  const cells = own.map((cell) =>
    cell.state === "masked" ? made("span", "masked", "▒▒▒") : made("span", "cell", cell.text ?? `${cell.token}`),
  );
  page.replaceChildren(made("span", "prompt", prompt), moment.text, ...cells);
}

/** Fills an element with a sentence and a run that plays. */
export async function showRecorded(root, why) {
  root.replaceChildren(made("h1", "", "bdlm"), made("p", "", `${why} ${WHERE}`));
  const answer = await fetch("run.jsonl");
  if (!answer.ok) return;
  const lines = (await answer.text()).split("\n").filter((line) => line.trim());
  const events = lines.map((line) => JSON.parse(line));
  const start = events.find((event) => event.event === "start");
  const prompt = start?.text ?? "";
  const moments = momentsOf(events);

  const page = made("div", "text");
  const controls = made("div", "controls");
  const play = made("button", "", "Pause");
  const slider = Object.assign(made("input"), { type: "range", min: 0, max: moments.length - 1, value: 0 });
  slider.setAttribute("aria-label", "Step");
  controls.append(play, slider);
  root.append(
    made("p", "quiet", `Until then, here is how a text was written: ${start.block_size} tokens at a time, all masked at first.`),
    page,
    controls,
  );

  let isPlaying = true;
  const show = (at) => {
    slider.value = at;
    root.dataset.moment = at;
    draw(page, prompt, moments[at]);
  };
  const pause = (pauses) => {
    isPlaying = !pauses;
    play.textContent = pauses ? "Play" : "Pause";
  };
  play.onclick = () => {
    if (!isPlaying && Number(slider.value) === moments.length - 1) show(0);
    pause(isPlaying);
  };
  slider.oninput = () => {
    pause(true);
    show(Number(slider.value));
  };
  show(0);
  setInterval(() => {
    if (!isPlaying) return;
    const next = Number(slider.value) + 1;
    next < moments.length ? show(next) : pause(true);
  }, MOMENT);
}
