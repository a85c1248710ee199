// Opens OHIF in Chromium on its own origin against a running Gantry: the study list, then a study, then its pixels.
// Usage: node ohif.mjs GANTRY_DICOMWEB_URL STUDY_UID PATIENT_NAME SCREENSHOT_FOLDER [ISSUER USER]
// With an issuer OHIF logs in there first, by the authorization code flow with PKCE.
// Prints one JSON line: what was seen. Any failed request to Gantry, or page error, is in it.
import { join } from 'node:path';
import { configuration, launch, serveViewer } from './viewer.mjs';

const [dicomweb, study, patient, folder, issuer, user] = process.argv.slice(2);
const oidc = issuer ? `oidc: [{ authority: '${issuer}', client_id: 'viewer', redirect_uri: '/callback', response_type: 'code', scope: 'openid dicom.read',
    post_logout_redirect_uri: '/', revoke_uri: '', automaticSilentRenew: false, revokeAccessTokenOnSignout: false, loadUserInfo: false }],` : '';
const site = await serveViewer(configuration(dicomweb, oidc));
const { origin } = site;

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
const seen = { failed: [], errors: [], frames: 0 };
page.on('response', answer => {
  if (!answer.url().startsWith(dicomweb)) return;
  if (answer.status() >= 400) seen.failed.push(`${answer.status()} ${answer.url()}`);
  if (answer.url().includes('/frames/') && answer.status() === 200) seen.frames += 1;
});
page.on('requestfailed', request => { if (request.url().startsWith(dicomweb) && !request.failure()?.errorText.includes('ABORTED')) seen.failed.push(`${request.failure()?.errorText} ${request.url()}`); });
page.on('pageerror', error => seen.errors.push(String(error).slice(0, 300)));

await page.goto(origin, { waitUntil: 'domcontentloaded' });
if (issuer) {
  await page.waitForURL(url => url.href.startsWith(`${issuer}/interaction/`), { timeout: 120_000 });
  await page.locator('input[name=login]').fill(user);
  await page.locator('input[name=password]').fill('any');
  await page.screenshot({ path: join(folder, 'ohif-login.png') });
  await page.locator('button[type=submit]').click();
}
try {
  await page.getByText(patient, { exact: false }).first().waitFor({ timeout: Number(process.env.OHIF_WAIT_MS ?? 120_000) });
} catch (error) {
  await page.screenshot({ path: join(folder, 'ohif-stuck.png') });
  console.error(page.url(), JSON.stringify(seen), (await page.locator('body').innerText()).slice(0, 500));
  throw error;
}
seen.list = await page.locator('body').innerText();
await page.screenshot({ path: join(folder, 'ohif-list.png') });

await page.goto(`${origin}/viewer?StudyInstanceUIDs=${study}`, { waitUntil: 'domcontentloaded' });
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
}, undefined, { timeout: 120_000 });
seen.greys = await drawn.jsonValue();
// What the middle of the viewport shows: grey, over 9 x 9 pixels of the screen.
seen.centre = await page.evaluate(() => {
  const canvas = document.querySelector('.cornerstone-canvas');
  const copy = document.createElement('canvas');
  copy.width = canvas.width; copy.height = canvas.height;
  const context = copy.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(Math.floor(copy.width / 2) - 4, Math.floor(copy.height / 2) - 4, 9, 9);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i];
  return sum / 81;
});
await page.screenshot({ path: join(folder, 'ohif-study.png') });
await browser.close();
site.close();
console.log(JSON.stringify(seen));
