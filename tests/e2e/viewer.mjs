// OHIF's published build on an origin of its own, for the scripts here: the site, and a headless Chromium.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const dist = join(fileURLToPath(new URL('.', import.meta.url)), '.cache', 'ohif-3.13.2', 'dist');
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2' };

// The configuration of a data source at `dicomweb`; `more` stands in front of it, such as a login.
export const configuration = (dicomweb, more = '') => `window.config = {
  routerBasename: '/', showStudyList: true, extensions: [], modes: [], showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false,
  ${more} defaultDataSourceName: 'gantry', useSharedArrayBuffer: 'AUTO', investigationalUseDialog: { option: 'never' },
  dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'gantry', configuration: {
    friendlyName: 'Gantry', name: 'gantry', qidoRoot: '${dicomweb}', wadoRoot: '${dicomweb}', wadoUriRoot: '${dicomweb}/wado',
    qidoSupportsIncludeField: true, imageRendering: 'wadors', thumbnailRendering: 'wadors', enableStudyLazyLoad: true,
    supportsFuzzyMatching: true, supportsWildcard: true, omitQuotationForMultipartRequest: true, singlepart: 'bulkdata,video',
    bulkDataURI: { enabled: true, relativeResolution: 'studies' }, dicomUploadEnabled: true } }],
};`;

// Serves the viewer; gives its origin and how to end it.
export async function serveViewer(config) {
  const site = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (path === '/app-config.js') return response.setHeader('Content-Type', 'text/javascript').end(config);
    try {
      const body = await readFile(join(dist, path === '/' || !extname(path) ? 'index.html' : path));
      response.setHeader('Content-Type', types[extname(path)] ?? 'text/html').end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise(done => site.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${site.address().port}`, close: () => site.close() };
}

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'] });
