// One participant after the other answers the questions in `study`; nothing leaves the page but what is downloaded.
const study = JSON.parse(document.getElementById("study").textContent);
const STORE = `user_study:${study.key}`;
const SIDES = ["left", "right"];
const KEYS = { ArrowLeft: "left", 1: "left", ArrowRight: "right", 2: "right" };
const COLUMNS = ["position", "question", "choice", "shown_ms", "response_ms", "views"];

const the = (id) => document.getElementById(id);
const sections = [...document.querySelectorAll("section")];
const images = Object.fromEntries(["condition", ...SIDES].map((name) => [name, the(`image-${name}`)]));

let session = load() ?? fresh();
let current = null; // { question, counts } of the pair on the stage
let turn = 0; // grows with everything that ends a presentation, so that a timer knows when it is too late
let shownFor = 0; // ms
let askedAt = 0;

// ---- the session: who takes part and what was answered, kept across reloads

function fresh() {
  const number = crypto.getRandomValues(new Uint32Array(1))[0];
  return { participant: number.toString(16).padStart(8, "0"), practised: 0, views: 0, answers: [] };
}

function load() {
  try {
    return JSON.parse(localStorage.getItem(STORE));
  } catch {
    return null;
  }
}

function save() {
  try {
    localStorage.setItem(STORE, JSON.stringify(session));
  } catch {
    the("unsaved").hidden = false;
  }
}

// ---- the order of questions: each participant's own, and the same after a reload

function shuffled(questions, seed) {
  const order = [...questions];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;

  function random() { // mulberry32
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

function upcoming() {
  if (session.practised < study.practice.length) {
    return { question: study.practice[session.practised], counts: false };
  }
  const order = shuffled(study.questions, parseInt(session.participant, 16));
  return { question: order[session.answers.length], counts: true };
}

// ---- what is on the screen

function show(name) {
  for (const section of sections) section.hidden = section.id !== name;
  the(name).querySelector("h1").focus();
}

function welcome() {
  const begun = session.practised > 0 || session.answers.length > 0;
  const place = `question ${session.answers.length + 1} of ${study.questions.length}`;
  the("start").textContent = begun ? `Go on with ${place}` : "Start with a short practice";
  the("restart").hidden = !begun;
  show("welcome");
}

function next() {
  if (session.answers.length === study.questions.length) {
    show("done");
  } else if (session.practised === study.practice.length && current && !current.counts) {
    show("ready");
  } else {
    present();
  }
}

async function present() {
  current = upcoming();
  const mine = ++turn;
  const number = session.answers.length + 1;
  the("count").textContent = current.counts ? `${number} of ${study.questions.length}` : "Practice";
  the("progress").max = study.questions.length;
  the("progress").value = session.answers.length;
  phase("loading", "");
  show("trial");
  for (const [name, image] of Object.entries(images)) image.src = current.question[name];
  await Promise.all(Object.values(images).map((image) => image.decode()));
  if (mine !== turn) return;
  session.views += 1;
  save();
  phase("showing", "Look at the pictures.");
  say(current.counts ? `Question ${number}. Look at the pictures.` : "Practice. Look at the pictures.");
  await new Promise(requestAnimationFrame);
  const from = performance.now();
  const look = () => {
    if (mine !== turn) return;
    shownFor = performance.now() - from;
    const left = study.seconds * 1000 - shownFor;
    if (left > 0) setTimeout(look, left);
    else ask();
  };
  setTimeout(look, study.seconds * 1000);
}

function ask() {
  phase("asking", "");
  the("hint").innerHTML = 'Left or right?<span class="keys"> Click, or press <kbd>←</kbd> <kbd>→</kbd> or <kbd>1</kbd> <kbd>2</kbd>.</span>';
  say("Left or right?");
  for (const image of Object.values(images)) image.removeAttribute("src");
  askedAt = performance.now();
}

function phase(name, hint) {
  the("stage").dataset.phase = name;
  the("hint").textContent = hint;
  for (const side of SIDES) the(side).disabled = name !== "asking";
  the("sand").style.setProperty("--seconds", `${study.seconds}s`);
  the("sand").classList.toggle("running", name === "showing");
}

function say(text) {
  the("live").textContent = text;
}

function choose(side) {
  if (the("trial").hidden || the("stage").dataset.phase !== "asking") return;
  if (current.counts) {
    session.answers.push({
      position: session.answers.length + 1,
      question: current.question.id,
      choice: side,
      shown_ms: Math.round(shownFor),
      response_ms: Math.round(performance.now() - askedAt),
      views: session.views,
    });
  } else {
    session.practised += 1;
  }
  session.views = 0;
  save();
  next();
}

function pause() {
  if (the("trial").hidden) return;
  turn += 1;
  const left = study.questions.length - session.answers.length;
  the("paused-text").textContent = `${left} of ${study.questions.length} questions are left. The present one will be shown again. You can also close the page and go on later, in this browser.`;
  show("paused");
}

function startOver() {
  session = fresh();
  current = null;
  save();
  the("saved").textContent = "";
  the("next").disabled = true;
  welcome();
}

// ---- the answers, as files

function asJson() {
  const { participant, answers } = session;
  return `${JSON.stringify({ study: study.study, key: study.key, participant, answers }, null, 2)}\n`;
}

function asCsv() {
  const head = ["study", "key", "participant"];
  const rows = session.answers.map((answer) => [
    study.study, study.key, session.participant, ...COLUMNS.map((column) => answer[column]),
  ]);
  return [[...head, ...COLUMNS], ...rows].map((row) => `${row.join(",")}\n`).join("");
}

function download(ending, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = `user_study_${study.study}_${session.participant}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  the("saved").textContent = `Downloaded as ${link.download}. One file is enough: please don't hand in both.`;
  the("next").disabled = false;
}

// ---- wiring

the("start").addEventListener("click", next);
the("restart").addEventListener("click", startOver);
the("begin").addEventListener("click", present);
the("pause").addEventListener("click", pause);
the("resume").addEventListener("click", present);
the("next").addEventListener("click", startOver);
the("json").addEventListener("click", () => download("json", "application/json", asJson()));
the("csv").addEventListener("click", () => download("csv", "text/csv", asCsv()));
for (const side of SIDES) the(side).addEventListener("click", () => choose(side));
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape") pause();
  if (KEYS[event.key]) choose(KEYS[event.key]);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) pause(); // what nobody looks at is not shown
});

save();
if (session.answers.length === study.questions.length) show("done");
else welcome();
