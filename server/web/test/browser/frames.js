// What the frames of a page cost. What counts is the CPU time of the page's main thread, which
// other programs on the machine do not add to; the time by the clock is there to be told.

const TASK = 'ThreadControllerImpl::RunTask';

/** Watches the frames of a page until `stop()`, which gives for each the milliseconds of CPU time
 * that led to it, as `cpu`, and those that passed since the one before, as `clock`. */
export async function watchFrames(page) {
  const devtools = await page.context().newCDPSession(page);
  const events = [];
  devtools.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  const includedCategories = ['toplevel', 'devtools.timeline'];
  const traceConfig = { includedCategories, excludedCategories: ['*'] };
  await devtools.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig });
  // Frames come without a break, so that each has only its own work.
  await page.evaluate(() => {
    const watch = (globalThis.watch = { clock: [], isOn: true });
    let last = performance.now();
    const frame = (now) => {
      watch.clock.push(now - last);
      last = now;
      if (watch.isOn) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  return {
    async stop() {
      const clock = await page.evaluate(() => {
        globalThis.watch.isOn = false;
        return globalThis.watch.clock;
      });
      const complete = new Promise((done) => devtools.once('Tracing.tracingComplete', done));
      await devtools.send('Tracing.end');
      await complete;
      await devtools.detach();
      return { cpu: costs(events), clock };
    },
  };
}

// Tasks of the thread that draws frames, added up to the one in which each frame is drawn.
function costs(events) {
  const drawn = events.filter(({ name }) => name === 'FireAnimationFrame');
  const { pid, tid } = drawn[0];
  const isTask = (it) => it.name === TASK && it.ph === 'X' && it.pid === pid && it.tid === tid;
  const tasks = events.filter(isTask).sort((a, b) => a.ts - b.ts);
  const frames = [0];
  for (const { ts, dur, tdur = 0 } of tasks) {
    frames[frames.length - 1] += tdur / 1000;
    if (drawn.some((it) => it.ts >= ts && it.ts <= ts + dur)) frames.push(0);
  }
  return frames;
}
