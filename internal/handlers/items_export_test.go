package handlers

// What the tests look into.
var (
	AudioURLFault = audioURLFault
	LineFault     = lineFault
)
