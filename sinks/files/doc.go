// Package files materializes collections as files of JSON lines or CSV in a
// directory or a bucket, exactly once: each document of a transaction is in one
// file, and a file that can be seen is complete and never changes.
//
// A shard's commits are objects with a number each, below _weir/. The commit:
//
//  1. stage: the transaction's files are written below _weir/, where nobody
//     looks for data.
//  2. commit: object n+1 is made, with the checkpoint and the names of the
//     files. It is made only if there is none of that number. Then the numbers
//     are listed: if a higher one is there, this one counts for nothing.
//  3. publish: the files get the names under which they are data. A file's name
//     holds the commit's number, so doing this twice changes nothing.
//  4. forget: the commit before is removed.
//
// Opening takes the highest number, finishes step 3 for it, makes the next
// number with the same checkpoint, and removes what else is staged. That is the
// fence: whoever held the shard before finds its next number taken. A number
// that was forgotten may be made again by somebody who slept meanwhile; a higher
// one is there then, since the highest is never removed.
//
// Killed before step 2, a transaction leaves staged files alone, which the next
// opening removes; killed behind it, the next opening completes it.
package files
