// Tables that follow the data. Text from outside only ever becomes textContent, never markup.

// A cell: {text} or {tag, text} or {progress, text}; `kind` is its class.
function fillCell(cell, column, content) {
  const text = content.text ?? "";
  const mark = `${content.tag ?? ""}|${content.progress ?? ""}|${text}`;
  if (cell.dataset.mark === mark) return;
  cell.dataset.mark = mark;
  cell.className = column.kind;
  cell.classList.toggle("empty", text === "");
  if (content.tag !== undefined) {
    const tag = document.createElement("span");
    tag.className = `tag ${content.tag}`;
    tag.textContent = text;
    cell.replaceChildren(tag);
  } else if (content.progress !== undefined) {
    fillProgress(cell, column, content);
  } else {
    cell.textContent = text;
  }
}

function fillProgress(cell, column, content) {
  let box = cell.firstElementChild;
  if (box === null) {
    box = document.createElement("div");
    box.className = "progress";
    box.append(document.createElement("progress"), document.createElement("span"));
    cell.replaceChildren(box);
  }
  const [bar, label] = box.children;
  bar.setAttribute("aria-label", column.label);
  bar.max = 1;
  if (content.progress === null) bar.removeAttribute("value");
  else bar.value = content.progress;
  label.textContent = content.text;
}

function makeRow(columns) {
  const row = document.createElement("tr");
  for (const column of columns) {
    const cell = document.createElement("td");
    cell.dataset.label = column.label;
    row.append(cell);
  }
  return row;
}

export class Table {
  // `columns`: {label, kind, cell(item)}; `key(item)` tells items apart; `none` is said of no items.
  constructor(id, title, columns, key, none) {
    this.table = document.getElementById(id);
    this.columns = columns;
    this.key = key;
    this.none = none;
    this.rows = new Map();
    this.caption = document.createElement("caption");
    this.caption.textContent = title;
    const head = document.createElement("thead");
    const labels = document.createElement("tr");
    for (const column of columns) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = column.label;
      cell.classList.toggle("number", column.kind === "number");
      labels.append(cell);
    }
    head.append(labels);
    this.body = document.createElement("tbody");
    this.table.replaceChildren(this.caption, head, this.body);
  }

  // `total` is how many there are, of which `items` may be the first.
  show(items, total) {
    const seen = new Set();
    let before = null;
    for (const item of items) {
      let key = String(this.key(item));
      while (seen.has(key)) key += "+";
      seen.add(key);
      const row = this.rows.get(key) ?? makeRow(this.columns);
      this.rows.set(key, row);
      this.columns.forEach((column, i) => fillCell(row.children[i], column, column.cell(item)));
      const place = before === null ? this.body.firstChild : before.nextSibling;
      if (place !== row) this.body.insertBefore(row, place);
      before = row;
    }
    for (const [key, row] of this.rows) {
      if (seen.has(key)) continue;
      row.remove();
      this.rows.delete(key);
    }
    this.table.tHead.hidden = items.length === 0;
    if (items.length === 0) this.caption.textContent = this.none;
    else if (total > items.length) this.caption.textContent = `${items.length} of ${total}; all are in /api/snapshot`;
    else this.caption.textContent = "";
  }
}
