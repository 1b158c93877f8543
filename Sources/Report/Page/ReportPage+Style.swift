extension ReportPage {
    /// Colours have a pattern or a word beside them everywhere, so that none carries meaning alone.
    static let style = """
        :root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --faint: #667080; --line: #d5dae1;
          --stripe: #f5f7fa; --accent: #0b57d0; --running: #2e7d4f; --waiting: #d99a1c; --silent: #c62828; --blind: #4a4f57; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --paper: #14171b; --faint: #9aa4b2; --line: #343b45;
          --stripe: #1b2026; --accent: #8ab4f8; --running: #58b983; --waiting: #e6b450; --silent: #ff6b6b; --blind: #a7adb8; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 100rem; padding: 1rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
          font: 15px/1.45 system-ui, sans-serif; }
        h1 { font-size: 1.5rem; margin: .5rem 0 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
        p, caption { color: var(--faint); max-width: 60rem; } caption { text-align: left; padding: .2rem 0; }
        .skip { position: absolute; left: -999rem; } .skip:focus { position: static; }
        .scroll { overflow: auto; max-height: 75vh; border: 1px solid var(--line); border-radius: 4px; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { padding: .25rem .6rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line);
          white-space: nowrap; }
        thead th { position: sticky; top: 0; background: var(--stripe); z-index: 1; }
        tbody th, td.name, details td, thead th:first-child, #comparison thead th:nth-child(2) { text-align: left; font-weight: 600; } td.name, details td { font-weight: 400; }
        #comparison tbody th { position: sticky; left: 0; background: var(--paper); }
        details td { white-space: normal; } tr.same td, tr.same th { color: var(--faint); }
        small { color: var(--faint); } .silent { color: var(--silent); } .blind { color: var(--blind); text-decoration: underline dotted; }
        button.sort { all: unset; cursor: pointer; font-weight: 600; } button.sort::after { content: " ↕"; color: var(--faint); }
        [aria-sort=ascending] button.sort::after { content: " ↑"; } [aria-sort=descending] button.sort::after { content: " ↓"; }
        :focus-visible, button.sort:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
        .controls { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; margin: .5rem 0; }
        input[type=search], select { font: inherit; padding: .2rem .4rem; color: inherit; background: var(--paper);
          border: 1px solid var(--line); border-radius: 4px; }
        .legend { display: flex; flex-wrap: wrap; gap: 1.2rem; list-style: none; padding: 0; margin: .5rem 0; }
        .swatch { display: inline-block; width: 1.6rem; height: .8rem; margin-right: .4rem; border: 1px solid var(--line); }
        .swatch.running { background: var(--running); } .swatch.waiting { background: var(--waiting); }
        .swatch.silent { background: repeating-linear-gradient(45deg, var(--silent) 0 3px, transparent 3px 6px); }
        .swatch.blind { background: repeating-linear-gradient(90deg, var(--blind) 0 2px, transparent 2px 5px); }
        .lane { display: grid; grid-template-columns: 16rem 1fr; gap: .6rem; align-items: center; margin: 2px 0; }
        .lane span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .85rem; }
        .lane canvas { width: 100%; height: 18px; background: var(--stripe); border: 1px solid var(--line); display: block; }
        .group { margin: .8rem 0; } .group > b { display: block; margin-bottom: .2rem; }
        #cursor { min-height: 1.5em; position: sticky; bottom: 0; background: var(--paper); color: var(--ink); }
        @media print { .controls, .skip, #cursor { display: none; } .scroll { overflow: visible; max-height: none; border: 0; }
          thead th { position: static; } body { max-width: none; padding: 0; font-size: 10px; } tr, .lane { break-inside: avoid; }
          * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
        """
}
