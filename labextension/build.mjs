// Bundles the front end: the widget and the layout worker for the Python package, plugin and MIME renderer for the
// labextension. `node build.mjs --watch` builds again on every change.

import { readFile, rm, writeFile } from "node:fs/promises";
import * as esbuild from "esbuild";

const STATIC = "../onnx_explore/static";
const common = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: !process.argv.includes("--plain"),
  logLevel: "info",
  legalComments: "eof",
};

const worker = { ...common, entryPoints: { layout: "src/layout/worker.ts" }, outdir: STATIC };

const widget = {
  ...common,
  entryPoints: { widget: "src/widget.ts", "widget-style": "style/explorer.css" },
  outdir: STATIC,
};

/** `import script from "text:layout.js"`: a built file as a string. */
const asText = {
  name: "as-text",
  setup(build) {
    build.onResolve({ filter: /^text:/ }, (args) => ({ path: args.path.slice(5), namespace: "text" }));
    build.onLoad({ filter: /.*/, namespace: "text" }, async (args) => ({
      contents: await readFile(`${STATIC}/${args.path}`, "utf8"),
      loader: "text",
    }));
  },
};

const labextension = {
  ...common,
  entryPoints: ["src/plugin.ts", "src/mime.ts"],
  outdir: "lib",
  external: ["@jupyterlab/*", "@lumino/*"],
  plugins: [asText],
};

/** The licences of what was bundled, as those licences ask for. */
async function licences(results) {
  const inputs = results.flatMap((result) => Object.keys(result.metafile.inputs));
  const names = new Set(inputs.map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean));
  for (const name of [...names]) {
    const { dependencies } = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
    for (const inner of Object.keys(dependencies ?? {})) names.add(inner); // may be bundled into it already
  }
  const texts = [...names].sort().map(async (name) => {
    const { version, license } = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
    return `${name} ${version} (${license})\n\n${await readFile(`node_modules/${name}/LICENSE`, "utf8")}`;
  });
  await writeFile(`${STATIC}/third-party-licenses.txt`, (await Promise.all(texts)).join(`\n${"-".repeat(72)}\n\n`));
}

if (process.argv.includes("--watch")) {
  for (const options of [worker, widget, labextension]) await (await esbuild.context(options)).watch();
} else {
  for (const built of ["lib", STATIC, "../onnx_explore/labextension"])
    await rm(built, { recursive: true, force: true });
  const results = [];
  for (const options of [worker, widget, labextension]) {
    results.push(await esbuild.build({ ...options, metafile: true }));
  }
  await licences(results);
}
