// Opens series after series in OHIF and looks at the middle image of each, as the viewer has it in memory.
// Usage: node series.mjs GANTRY_DICOMWEB_URL SCREENSHOT_FOLDER < [[STUDY_UID, SERIES_UID], …]
// Prints a JSON line for each: the viewer's images in order, the middle one's values at a thousand places, and what went wrong.
import { join } from 'node:path';
import { configuration, launch, serveViewer } from './viewer.mjs';

const [dicomweb, folder] = process.argv.slice(2);
let text = '';
for await (const piece of process.stdin) text += piece;

const site = await serveViewer(configuration(dicomweb));
const browser = await launch();
for (const [study, series] of JSON.parse(text)) {
  const seen = { study, series, failed: [], errors: [], console: [] };
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  const page = await context.newPage();
  page.on('response', answer => {
    if (answer.url().startsWith(dicomweb) && answer.status() >= 400) seen.failed.push(`${answer.status()} ${answer.url()}`);
  });
  page.on('requestfailed', request => {
    if (request.url().startsWith(dicomweb) && !request.failure()?.errorText.includes('ABORTED')) seen.failed.push(`${request.failure()?.errorText} ${request.url()}`);
  });
  page.on('pageerror', error => seen.errors.push(String(error).slice(0, 300)));
  page.on('console', message => {
    if (message.type() === 'error') seen.console.push(`${message.text().slice(0, 300)} (${message.location().url})`);
  });
  try {
    await page.goto(`${site.origin}/viewer?StudyInstanceUIDs=${study}&SeriesInstanceUIDs=${series}`, { waitUntil: 'domcontentloaded' });
    await page.waitForFunction(() => {
      const viewports = window.cornerstone?.getRenderingEngines().flatMap(engine => engine.getViewports()) ?? [];
      return viewports.some(viewport => viewport.getCurrentImageId?.() && window.cornerstone.cache.getImage(viewport.getCurrentImageId()));
    }, undefined, { timeout: 120_000 });
    Object.assign(seen, await page.evaluate(async () => {
      const { cornerstone } = window;
      const viewport = cornerstone.getRenderingEngines().flatMap(engine => engine.getViewports()).find(one => one.getCurrentImageId?.());
      const images = viewport.getImageIds();
      const middle = Math.floor(images.length / 2);
      await (viewport.setImageIdIndex ? viewport.setImageIdIndex(middle) : Promise.resolve());
      const image = cornerstone.cache.getImage(images[middle]) ?? (await cornerstone.imageLoader.loadAndCacheImage(images[middle]));
      const pixels = image.getPixelData();
      const count = Math.min(1000, pixels.length);
      const places = Array.from({ length: count }, (_, i) => Math.floor((i * pixels.length) / count));
      return { images, middle, shown: viewport.getCurrentImageId(), rows: image.rows, columns: image.columns, color: !!image.color,
        length: pixels.length, scaled: image.preScale?.scaled ? image.preScale.scalingParameters : null, places, values: places.map(i => Number(pixels[i])) };
    }));
    await page.screenshot({ path: join(folder, `ohif-${series.slice(-16)}.png`) });
  } catch (error) {
    seen.errors.push(String(error).slice(0, 500));
    await page.screenshot({ path: join(folder, `ohif-${series.slice(-16)}-stuck.png`) }).catch(() => undefined);
  }
  await context.close();
  console.log(JSON.stringify(seen));
}
await browser.close();
site.close();
