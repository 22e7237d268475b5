#include "textflag.h"

// func succeed(flags uintptr) (errno uintptr)
TEXT ·succeed(SB), NOSPLIT|NOFRAME, $0-16
	MOVD flags+0(FP), R0
	MOVD $0, R1 // the same stack
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8 // clone
	SVC
	CMN  $4095, R0
	BCS  failed
	CBNZ R0, end
	MOVD $0, R1
	MOVD R1, errno+8(FP)
	RET
failed:
	NEG  R0, R0
	MOVD R0, errno+8(FP)
	RET
end:
	MOVD $0, R0
	MOVD $94, R8 // exit_group
	SVC
	B    end
