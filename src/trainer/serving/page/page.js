import { drawArticle, drawEvents, drawLegend, element, filterResult } from "./drawing.js";
import { EXAMPLES } from "./examples.js";
import { LANGUAGES } from "./words.js";

const find = (id) => document.getElementById(id);
const state = { language: "en", schema: null, model: null, text: "", result: null };
const words = () => LANGUAGES[state.language];

function remember(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    // storage may be off; the page works without it
  }
  return null;
}

function firstLanguage() {
  const asked = new URLSearchParams(location.search).get("lang") ?? remember("language");
  if (asked in LANGUAGES) return asked;
  return navigator.language.startsWith("ar") ? "ar" : "en";
}

function setLanguage(language) {
  state.language = language;
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  document.title = words().title;
  document.querySelectorAll("[data-word]").forEach((node) => (node.textContent = words()[node.dataset.word]));
  document.querySelectorAll("[data-label]").forEach((node) => node.setAttribute("aria-label", words()[node.dataset.label]));
  find("text").placeholder = words().placeholder;
  Object.assign(find("language"), { textContent: words().other, lang: language === "ar" ? "en" : "ar" });
  drawExamples();
  showCount();
  find("status").textContent = "";
  find("fault").textContent = "";
  if (state.result) draw();
}

function drawExamples() {
  const group = document.querySelector(".examples");
  group.querySelectorAll("button").forEach((button) => button.remove());
  for (const example of EXAMPLES) {
    const button = element("button", { type: "button" }, example[state.language]);
    button.addEventListener("click", () => {
      find("text").value = example.text;
      showCount();
      extract();
    });
    group.append(button);
  }
}

function showCount() {
  const count = Array.from(find("text").value).length;
  find("count").textContent = count ? words().characters(count.toLocaleString("en")) : "";
}

function headers() {
  const key = find("key").value.trim();
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: headers() });
  } catch {
    throw { kind: "network" };
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw { kind: String(body.type ?? "").split(":").pop(), detail: body.detail };
  return body;
}

function showFault(fault) {
  const known = words().faults[fault.kind];
  find("fault").textContent = known ?? words().faults.other;
  if (fault.kind === "unauthorised") {
    find("key-field").hidden = false;
    find("key").focus();
  }
}

async function loadModel() {
  const answer = await call("v1/models");
  [state.model] = answer.models;
  state.schema = state.model.schema;
  find("model").textContent = state.model.version;
}

async function extract() {
  const text = find("text").value;
  find("fault").textContent = "";
  if (!text.trim()) {
    find("fault").textContent = words().empty;
    find("text").focus();
    return;
  }
  find("extract").disabled = true;
  find("status").textContent = words().working;
  try {
    const answer = await call("v1/extract", { method: "POST", body: JSON.stringify({ text }) });
    if (answer.model.version !== state.model?.version) await loadModel();
    [state.result] = answer.results;
    state.text = text;
    draw();
    find("status").textContent = words().done(state.result.spans.length, state.result.events.length);
    find("result").scrollIntoView({ block: "nearest" });
  } catch (fault) {
    find("status").textContent = "";
    showFault(fault);
  } finally {
    find("extract").disabled = false;
  }
}

function shown() {
  return filterResult(state.result, Number(find("threshold").value) / 100);
}

function draw() {
  const result = shown();
  find("result").hidden = false;
  const level = `${find("threshold").value}%`;
  find("threshold-value").textContent = level;
  find("threshold").setAttribute("aria-valuetext", level);
  drawLegend(find("legend"), result, state.schema, state.language);
  drawArticle(find("marked"), state.text, result, state.schema, state.language);
  drawEvents(find("events"), result, state.schema, state.language, words());
  const note = eventsNote(result);
  Object.assign(find("events-note"), { textContent: note, hidden: !note });
  find("json").textContent = JSON.stringify(result, null, 2);
}

function eventsNote(result) {
  if (!state.result.events.length) return words().noEvents;
  if (!result.events.length) return words().noStrongEvents;
  return state.result.links.length ? "" : words().noLinks;
}

async function copy() {
  const text = JSON.stringify(shown(), null, 2);
  try {
    await navigator.clipboard.writeText(text);
    find("status").textContent = words().copied;
  } catch {
    document.querySelector("details").open = true;
    getSelection().selectAllChildren(find("json"));
    find("status").textContent = document.execCommand("copy") ? words().copied : words().notCopied;
  }
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  extract();
});
find("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) extract();
});
find("text").addEventListener("input", showCount);
find("threshold").addEventListener("input", draw);
find("copy").addEventListener("click", copy);
find("language").addEventListener("click", () => {
  const language = state.language === "ar" ? "en" : "ar";
  remember("language", language);
  setLanguage(language);
});
setLanguage(firstLanguage());
loadModel().catch(showFault);
