// Licences that several datasets share, in the words of whoever gave them.

/** What the UCI repository says of all it holds (its donation policy, read 2026-11). */
export const UCI_LICENCE: string = 'CC BY 4.0, by the donation policy of the UCI Machine Learning Repository, which publishes '
  + 'the data: "Datasets will be licensed under a Creative Commons Attribution 4.0 International license (CC BY 4.0)". '
  + 'The copy comes from scikit-learn, whose package is under the BSD 3-Clause licence.'
