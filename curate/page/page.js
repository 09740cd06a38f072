// What the page does with the two libraries above: live tables, the map and its controls, and print.
// Texts go in as text nodes only.
const PER_PAGE = 10;
const live = new Map();

function enliven(table) {
  if (live.has(table)) return;
  const rows = table.tBodies[0].rows.length;
  const label = (table.caption?.textContent || table.closest("details")?.querySelector("summary")?.textContent || "table").trim();
  const word = table.closest(".finding") ? "row" : "line";
  const many = rows > PER_PAGE;
  live.set(table, new DataTable(table, {
    order: [], autoWidth: false, pageLength: PER_PAGE, lengthMenu: [10, 25, 50, { label: "all", value: -1 }],
    paging: many, searching: many, info: many,
    layout: { topStart: many ? "search" : null, topEnd: many ? "pageLength" : null,
      bottomStart: many ? "info" : null, bottomEnd: many ? "paging" : null },
    language: { search: "", searchPlaceholder: `filter ${word}s`, lengthMenu: `_MENU_ ${word}s a page`, info: `_START_ to _END_ of _TOTAL_ ${word}s`,
      infoFiltered: "of _MAX_", infoEmpty: `no ${word}s`, zeroRecords: `no ${word} matches`, paginate: { first: "«", previous: "‹", next: "›", last: "»" } },
  }));
  const search = table.closest(".dt-container")?.querySelector("input[type=search]");
  search?.setAttribute("aria-label", `Filter: ${label}`);
}

const sortable = "table.live";
for (const table of document.querySelectorAll(sortable)) if (!table.closest("details:not([open])")) enliven(table);
// A table in a closed part costs nothing until the part is opened.
document.addEventListener("toggle", (event) => {
  if (event.target.open) for (const table of event.target.querySelectorAll(sortable)) enliven(table);
}, true);
addEventListener("beforeprint", () => {
  // Tables of figures are printed whole; of the rows of a finding the style lets the first few through.
  for (const [table, made] of live) if (!table.classList.contains("records")) made.page.len(-1).draw();
});
addEventListener("afterprint", () => {
  for (const [table, made] of live) if (!table.classList.contains("records")) made.page.len(PER_PAGE).draw();
});

function element(name, text = "", properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.textContent = text;
  return made;
}

async function map(place) {
  const { item, colourings, palette } = JSON.parse(place.querySelector("script").textContent);
  const find = (name) => place.querySelector(`[data-part=${name}]`);
  const [stage, by, groups, search, said, matches] = ["stage", "by", "groups", "search", "said", "matches"].map(find);
  place.closest("figure").classList.add("alive");
  place.hidden = false;
  const view = (await Bokeh.embed.embed_item(item, stage)).roots[0];
  const plot = view.model;
  const source = plot.renderers[0].data_source;
  const texts = Array.from(source.data.said);
  const folded = texts.map((text) => text.toLowerCase());
  let colouring = null;
  let only = null;

  function select() {
    const wanted = search.value.trim().toLowerCase();
    const found = [];
    if (wanted || only !== null) for (let i = 0; i < texts.length; i++)
      if ((only === null || colouring.groups[i] === only) && (!wanted || folded[i].includes(wanted))) found.push(i);
    const chosen = Boolean(wanted) || only !== null;
    // With nothing selected Bokeh draws all points alike: where no point matches, one that is not there is selected.
    source.selected.indices = chosen && !found.length ? [texts.length] : found;
    said.textContent = chosen ? `${found.length.toLocaleString("en")} of ${texts.length.toLocaleString("en")} rows` : "";
    matches.replaceChildren(...found.slice(0, 20).map((i) => element("li", texts[i], { dir: "auto" })));
    for (const button of groups.querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.value) === only));
  }

  function colour(number) {
    colouring = colourings[number];
    only = null;
    const { groups: of, colours, names, counts, quiet } = colouring;
    source.data = { ...source.data, colour: Uint8Array.from(of, (group) => colours[group]), group: of.map((group) => names[group]) };
    const order = names.map((_, group) => group).filter((group) => counts[group]).sort((a, b) => (a === quiet) - (b === quiet) || counts[b] - counts[a] || a - b);
    groups.replaceChildren(...order.map((group) => {
      const button = element("button", "", { type: "button", value: group });
      const swatch = element("span", "", { className: "swatch" });
      swatch.style.background = palette[colours[group]];
      button.append(swatch, element("bdi", names[group]), element("span", counts[group].toLocaleString("en"), { className: "many" }));
      button.addEventListener("click", () => { only = only === group ? null : group; select(); });
      return button;
    }));
    select();
  }

  function move(dx, dy, zoom) {
    for (const [range, step] of [[plot.x_range, dx], [plot.y_range, dy]]) {
      const size = range.end - range.start, middle = (range.start + range.end) / 2 + step * size;
      range.setv({ start: middle - size * zoom / 2, end: middle + size * zoom / 2 });
    }
  }
  const home = () => { for (const range of [plot.x_range, plot.y_range]) range.setv({ start: -0.03, end: 1.03 }); };
  const keys = { ArrowLeft: [-0.1, 0, 1], ArrowRight: [0.1, 0, 1], ArrowUp: [0, 0.1, 1], ArrowDown: [0, -0.1, 1],
    "+": [0, 0, 0.8], "=": [0, 0, 0.8], "-": [0, 0, 1.25] };
  stage.addEventListener("keydown", (event) => {
    if (event.key === "0") home();
    else if (keys[event.key]) move(...keys[event.key]);
    else return;
    event.preventDefault();
  });
  for (const button of place.querySelectorAll("[data-key]")) button.addEventListener("click", () =>
    button.dataset.key === "0" ? home() : move(...keys[button.dataset.key]));

  by.replaceChildren(...colourings.map((one, number) => element("option", one.title, { value: number })));
  by.addEventListener("change", () => colour(Number(by.value)));
  search.addEventListener("input", select);
  colour(0);
}

performance.mark("tables");
for (const place of document.querySelectorAll("[data-map]")) map(place).then(() => {
  // Drawn, and the browser has come back to us: from here on the map answers.
  requestAnimationFrame(() => setTimeout(() => { performance.mark("map"); document.documentElement.dataset.mapped = "yes"; }));
});
