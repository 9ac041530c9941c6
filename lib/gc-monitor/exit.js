'use strict'

// The end of the process or worker: what was recorded until then is told in time.

const running = new Map()

const atExit = () => {
  const failures = []
  for (const { last, ref } of [...running.values()]) {
    const monitor = ref.deref()
    if (monitor !== undefined) last(monitor, error => failures.push(error))
  }
  // As if the listener were one of 'exit' itself: there is no later.
  if (failures.length > 0) throw failures[0]
}

// A monitor that nobody has any more records nothing.
const abandoned = new FinalizationRegistry(recording => leave(recording))

/**
 * Has `last` called with the monitor when the process ends.
 *
 * @param {object} monitor
 * @param {{ finish: () => void }} recording finished if the monitor is dropped
 * @param {(monitor: any, fail: (error: unknown) => void) => void} last must not refer to the monitor
 */
const enter = (monitor, recording, last) => {
  if (running.size === 0) process.on('exit', atExit)
  running.set(recording, { ref: new WeakRef(monitor), last })
  abandoned.register(monitor, recording, recording)
}

const leave = recording => {
  if (!running.delete(recording)) return
  abandoned.unregister(recording)
  recording.finish()
  if (running.size === 0) process.removeListener('exit', atExit)
}

module.exports = { enter, leave }
