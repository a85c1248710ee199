// Follows a share link in Chromium: its page, the button on it, and OHIF on an origin of its own with a `dicomwebproxy`
// data source, until the study is drawn. The page's server is configured with this script's OHIF as share.viewer_url.
// Usage: node share.mjs SHARE_LINK VIEWER_PORT SCREENSHOT_FOLDER
// Prints one JSON line: what was seen. Any failed request, page error, and request that told the link to others is in it.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [link, port, folder] = process.argv.slice(2);
const dist = join(fileURLToPath(new URL('.', import.meta.url)), '.cache', 'ohif-3.13.2', 'dist');
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2' };
const config = `window.config = {
  routerBasename: '/', showStudyList: true, extensions: [], modes: [], showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false,
  defaultDataSourceName: 'dicomwebproxy', useSharedArrayBuffer: 'AUTO', investigationalUseDialog: { option: 'never' },
  dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomwebproxy', sourceName: 'dicomwebproxy',
    configuration: { friendlyName: 'Shared studies', name: 'dicomwebproxy' } }],
};`;
const referers = [];
const site = createServer(async (request, response) => {
  if (request.headers.referer) referers.push(request.headers.referer);
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
  if (path === '/app-config.js') return response.setHeader('Content-Type', 'text/javascript').end(config);
  try {
    const body = await readFile(join(dist, path === '/' || !extname(path) ? 'index.html' : path));
    response.setHeader('Content-Type', types[extname(path)] ?? 'text/html').end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise(done => site.listen(Number(port), '127.0.0.1', done));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'] });
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
const gantry = new URL(link).origin;
const seen = { failed: [], errors: [], frames: 0, beside: [] };
page.on('response', answer => {
  const url = answer.url();
  if (!url.startsWith(gantry)) return;
  if (answer.status() >= 400) seen.failed.push(`${answer.status()} ${url}`);
  if (url.includes('/frames/') && answer.status() === 200) seen.frames += 1;
  if (!url.startsWith(link) && !url.endsWith('/gantry.css')) seen.beside.push(url);  // the link is all that the viewer has
});
page.on('requestfailed', request => { if (request.url().startsWith(gantry) && !request.failure()?.errorText.includes('ABORTED')) seen.failed.push(`${request.failure()?.errorText} ${request.url()}`); });
page.on('pageerror', error => seen.errors.push(String(error).slice(0, 300)));

await page.goto(link);
seen.page = await page.locator('body').innerText();
await page.screenshot({ path: join(folder, 'share-page.png') });
await page.getByRole('link', { name: 'Open in the viewer' }).click();
// Drawn means: the viewport's canvas has more than one grey value.
const drawn = await page.waitForFunction(() => {
  const canvas = document.querySelector('.cornerstone-canvas');
  if (!canvas || !canvas.width) return false;
  const copy = document.createElement('canvas');
  copy.width = canvas.width; copy.height = canvas.height;
  const context = copy.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, copy.width, copy.height);
  const values = new Set();
  for (let i = 0; i < data.length; i += 4 * 97) values.add(data[i]);
  return values.size > 16 ? values.size : false;
}, undefined, { timeout: 180_000 });
seen.greys = await drawn.jsonValue();
await page.screenshot({ path: join(folder, 'share-study.png') });
// The page that Gantry sent tells nobody its address; the viewer's own requests to itself are its own business.
seen.told = referers.filter(referer => referer.startsWith(gantry));
page.removeAllListeners('response');
await page.goto(link.slice(0, -1) + (link.endsWith('0') ? '1' : '0'));
seen.gone = await page.locator('body').innerText();
await page.screenshot({ path: join(folder, 'share-gone.png') });
await browser.close();
site.close();
console.log(JSON.stringify(seen));
