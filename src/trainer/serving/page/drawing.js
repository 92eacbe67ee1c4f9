// From a result to nodes of the page. Text enters as text nodes only: nothing of an article is ever parsed as HTML.

import { schemaName } from "./words.js";

const ROLES = [["who", "agents"], ["what", "trigger"], ["whom", "targets"], ["where", "places"]];

export function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/** A score in per cent, isolated so that Arabic around it cannot move the sign. */
export function percent(score) {
  return score === null ? "" : `\u2066${Math.round(score * 100)}%\u2069`;
}

/** The result without what scores below the threshold; indices are moved along. */
export function filterResult(result, threshold) {
  const kept = result.spans.map((span) => span.score === null || span.score >= threshold);
  const moved = [];
  kept.reduce((count, keep, index) => ((moved[index] = keep ? count : -1), count + (keep ? 1 : 0)), 0);
  const stays = (reference) => kept[reference.span];
  const move = (reference) => ({ ...reference, span: moved[reference.span] });
  return {
    ...result,
    spans: result.spans.filter((_, index) => kept[index]),
    links: result.links
      .filter((link) => kept[link.operation] && kept[link.argument])
      .map((link) => ({ ...link, operation: moved[link.operation], argument: moved[link.argument] })),
    events: result.events.filter((event) => stays(event.trigger)).map((event) => ({
      ...event,
      trigger: move(event.trigger),
      agents: event.agents.filter(stays).map(move),
      targets: event.targets.filter(stays).map(move),
      places: event.places.filter(stays).map(move),
    })),
  };
}

function colourOf(schema, label) {
  const colour = schema.labels[label]?.colour ?? "";
  return /^#[0-9a-f]{3,8}$/i.test(colour) ? colour : "#7f7f7f";
}

/** The article with its spans. Offsets count code points, so the text is cut as an array of them. */
export function drawArticle(target, text, result, schema, language) {
  const points = Array.from(text);
  const nodes = [];
  let cursor = 0;
  result.spans.forEach((span, index) => {
    nodes.push(points.slice(cursor, span.start).join(""));
    const name = span.type === null ? schemaName(schema.labels, span.label, language) : schemaName(schema.types, span.type, language);
    const mark = element("mark", { id: `span-${index}`, tabIndex: -1 }, points.slice(span.start, span.end).join(""));
    mark.style.setProperty("--colour", colourOf(schema, span.label));
    mark.append(element("small", { dir: document.documentElement.dir }, `${name} ${percent(span.score)}`));
    nodes.push(mark);
    cursor = span.end;
  });
  nodes.push(points.slice(cursor).join(""));
  target.replaceChildren(...nodes);
}

export function drawLegend(target, result, schema, language) {
  target.replaceChildren(
    ...Object.keys(schema.labels).map((label) => {
      const count = result.spans.filter((span) => span.label === label).length;
      const item = element("li", {}, `${schemaName(schema.labels, label, language)} (${count})`);
      item.style.setProperty("--colour", colourOf(schema, label));
      return item;
    }),
  );
}

export function drawEvents(target, result, schema, language, words) {
  target.replaceChildren(...result.events.map((event) => drawEvent(event, result, schema, language, words)));
}

function drawEvent(event, result, schema, language, words) {
  const type = event.type === null ? words.event : schemaName(schema.types, event.type, language);
  const head = element("header", {}, element("h3", { className: "type" }, type));
  if (event.score !== null) {
    head.append(element("span", { className: "score" }, `${words.score} ${percent(event.score)}`));
  }
  const list = element("dl");
  for (const [word, role] of ROLES) {
    const references = role === "trigger" ? [event.trigger] : event[role];
    if (!references.length && !result.links.length) continue; // a note above the cards says why
    const filled = references.map((reference) => drawReference(reference, role, result, schema));
    list.append(
      element("dt", {}, words[word]),
      element("dd", {}, ...(filled.length ? filled : [element("span", { className: "note" }, words.missing)])),
    );
  }
  const card = element("li", { className: "card" }, head, list);
  card.style.setProperty("--colour", colourOf(schema, result.spans[event.trigger.span].label));
  return card;
}

/** A button that leads to the span in the article. */
function drawReference(reference, role, result, schema) {
  const span = result.spans[reference.span];
  const shown = role === "trigger" ? span.text : reference.name || span.text;
  const button = element("button", { type: "button", lang: "ar", dir: "auto" }, shown);
  button.style.setProperty("--colour", colourOf(schema, span.label));
  button.addEventListener("click", () => chooseSpan(reference.span));
  return button;
}

function chooseSpan(index) {
  document.querySelectorAll("mark.chosen").forEach((mark) => mark.classList.remove("chosen"));
  const mark = document.getElementById(`span-${index}`);
  mark.classList.add("chosen");
  mark.scrollIntoView({ block: "nearest" });
  mark.focus({ preventScroll: true });
}
