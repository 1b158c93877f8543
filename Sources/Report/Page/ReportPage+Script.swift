extension ReportPage {
    /// Sorting, filtering, and the time lines' canvases. Lanes are drawn when they come into view, so that a page with
    /// hundreds of them opens at once.
    static let script = #"""
        "use strict";
        (() => {
          const $ = id => document.getElementById(id);
          const table = $("comparison"), filter = $("filter"), only = $("only");
          const rows = table ? [...table.tBodies[0].rows] : [];
          const texts = rows.map(r => (r.cells[0].textContent + " " + r.cells[1].textContent).toLowerCase());
          const apply = () => {
            const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
            let shown = 0;
            rows.forEach((r, i) => {
              const hide = only.checked && r.classList.contains("same") || !words.every(w => texts[i].includes(w));
              r.hidden = hide; shown += hide ? 0 : 1;
            });
            $("shown").textContent = shown + " of " + rows.length + " shown";
          };
          if (table) {
            filter.addEventListener("input", apply); only.addEventListener("change", apply); apply();
            const heads = [...table.tHead.rows[0].cells];
            heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
              const up = head.getAttribute("aria-sort") !== "ascending";
              heads.forEach(h => h.removeAttribute("aria-sort"));
              head.setAttribute("aria-sort", up ? "ascending" : "descending");
              const order = new Intl.Collator("en", { numeric: true });
              const value = r => { const c = r.cells[column];
                return "value" in c.dataset ? (c.dataset.value === "" ? -1 : Number(c.dataset.value)) : c.textContent; };
              const sorted = [...rows].sort((a, b) => { const x = value(a), y = value(b);
                const d = typeof x === "number" && typeof y === "number" ? x - y : order.compare(x, y);
                return up ? d : -d; });
              table.tBodies[0].append(...sorted);
            }));
          }
          const strips = JSON.parse($("strips").textContent);
          if (!strips.length) return;
          const states = ["running", "silent", "blind", "waiting"];
          const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
          const expand = runs => { const out = [];
            for (let i = 0; i < runs.length; i += 2) for (let n = 0; n < runs[i]; n++) out.push(runs[i + 1]);
            return out; };
          const hue = i => (i * 137.508) % 360;
          const time = ns => ns < 1e6 ? ns.toFixed(0) + " ns" : ns < 1e9 ? (ns / 1e6).toFixed(3) + " ms" : (ns / 1e9).toFixed(6) + " s";
          const patterns = {};
          const hatch = (context, name) => {
            const key = name + colour(name);
            if (!patterns[key]) {
              const tile = document.createElement("canvas"); tile.width = tile.height = 6;
              const p = tile.getContext("2d"); p.strokeStyle = p.fillStyle = colour(name);
              if (name === "silent") { p.lineWidth = 2.5; p.beginPath();
                for (const o of [-6, 0, 6]) { p.moveTo(o - 1, 7); p.lineTo(o + 7, -1); } p.stroke(); }
              else p.fillRect(0, 0, 3, 6);
              patterns[key] = tile;
            }
            return context.createPattern(patterns[key], "repeat");
          };
          const fill = (context, name) => name === "silent" || name === "blind" ? hatch(context, name) : colour(name);
          const draw = canvas => {
            const { lane, strip } = canvas.model, ratio = window.devicePixelRatio || 1;
            const width = canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
            const height = canvas.height = Math.round(18 * ratio), context = canvas.getContext("2d");
            context.clearRect(0, 0, width, height);
            const x = b => Math.round(b * width / strip.buckets);
            let from = 0;
            const runs = lane.states || null;
            if (runs) for (let i = 0; i < runs.length; i += 2) {
              const left = x(from), right = x(from + runs[i]); from += runs[i];
              let bottom = height;
              states.forEach((name, s) => { const share = runs[i + 1] >> (4 * s) & 15;
                if (!share) return;
                const h = Math.max(1, Math.round(share * height / 15)), top = Math.max(0, bottom - h);
                context.fillStyle = fill(context, name); context.fillRect(left, top, right - left, bottom - top); bottom = top; });
            } else {
              const holder = expand(lane.holder), share = expand(lane.share);
              for (let b = 0; b < strip.buckets; b++) { if (holder[b] < 0) continue;
                const h = Math.max(2, Math.round((share[b] + 1) * height / 16));
                context.fillStyle = "hsl(" + hue(holder[b]) + " 60% 50%)";
                context.fillRect(x(b), height - h, x(b + 1) - x(b), h); }
            }
            if (canvas.at !== undefined) { context.fillStyle = colour("ink"); context.fillRect(x(canvas.at), 0, Math.max(1, ratio), height); }
          };
          const tell = canvas => {
            const { lane, strip, label } = canvas.model, b = canvas.at;
            const at = strip.start + (strip.end - strip.start) * b / strip.buckets;
            let what;
            if (lane.states) { const v = expand(lane.states)[b];
              what = states.map((n, s) => [n, v >> (4 * s) & 15]).filter(p => p[1]).map(p => p[0] + " " + Math.round(p[1] / .15) + "%").join(", ") || "not enabled";
            } else { const h = expand(lane.holder)[b]; what = h < 0 ? "free" : strip.holders[h]; }
            $("cursor").textContent = label + " at " + time(at) + ": " + what;
          };
          const watch = new IntersectionObserver(entries => { for (const e of entries) if (e.isIntersecting) { draw(e.target); watch.unobserve(e.target); } }, { rootMargin: "400px" });
          const add = (parent, label, lane, strip) => {
            const row = document.createElement("div"); row.className = "lane";
            const name = document.createElement("span"); name.textContent = label; name.title = label;
            const canvas = document.createElement("canvas"); canvas.tabIndex = 0; canvas.setAttribute("role", "img");
            canvas.setAttribute("aria-label", "time line of " + label);
            canvas.model = { lane, strip, label: (lane.owner ? lane.owner + " " : "cpu " + lane.pcpu + " ") + label };
            const move = b => { canvas.at = Math.max(0, Math.min(strip.buckets - 1, b)); draw(canvas); tell(canvas); };
            canvas.addEventListener("mousemove", e => move(Math.floor(e.offsetX * strip.buckets / canvas.clientWidth)));
            canvas.addEventListener("mouseleave", () => { if (document.activeElement !== canvas) { canvas.at = undefined; draw(canvas); } });
            canvas.addEventListener("blur", () => { canvas.at = undefined; draw(canvas); });
            canvas.addEventListener("keydown", e => {
              const step = e.shiftKey ? 10 : 1, at = canvas.at ?? 0;
              const to = { ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: strip.buckets - 1 }[e.key];
              if (to !== undefined) { e.preventDefault(); move(to); }
            });
            row.append(name, canvas); parent.append(row); watch.observe(canvas);
          };
          const select = $("policy"), search = $("lanes");
          strips.forEach((s, i) => select.add(new Option(s.policy, i)));
          const show = () => {
            const strip = strips[select.value], words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
            const wanted = text => words.every(w => text.toLowerCase().includes(w));
            for (const [place, lanes, group, label] of [
              ["owner-lanes", strip.owners, l => l.owner, l => l.name],
              ["counter-lanes", strip.counters, l => "cpu " + l.pcpu, l => l.counter]]) {
              const parent = $(place); parent.replaceChildren();
              let last, box;
              for (const lane of lanes) {
                const name = group(lane);
                const holders = lane.holder ? [...new Set(lane.holder.filter((_, i) => i % 2))].map(h => strip.holders[h] || "").join(" ") : "";
                if (!wanted(name + " " + label(lane) + " " + holders)) continue;
                if (name !== last) { box = document.createElement("div"); box.className = "group";
                  const head = document.createElement("b"); head.textContent = name; box.append(head); parent.append(box); last = name; }
                add(box, label(lane), lane, strip);
              }
            }
          };
          select.addEventListener("change", show); search.addEventListener("input", show); show();
          const redraw = () => document.querySelectorAll(".lane canvas").forEach(c => { if (c.width > 1) watch.observe(c); });
          addEventListener("resize", redraw);
          matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
          addEventListener("beforeprint", () => document.querySelectorAll(".lane canvas").forEach(draw));
        })();
        """#
}
