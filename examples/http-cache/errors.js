'use strict'

/**
 * Something the person at the keyboard can put right: a bad option, a damaged trace, a full disk. Its message is one
 * line and is shown as it is; any other error is a defect of the demo and is shown with its stack.
 */
class UserError extends Error {
  name = 'UserError'
}

module.exports = { UserError }
