#include "textflag.h"

// func split(args, size, stack uintptr, c *child) (pid, errno uintptr)
TEXT ·split(SB), NOSPLIT, $0-48
	MOVD args+0(FP), R0
	MOVD size+8(FP), R1
	MOVD stack+16(FP), R19
	MOVD c+24(FP), R20
	MOVD $435, R8 // clone3
	SVC
	CMN  $4095, R0
	BCS  refused
	CBZ  R0, child
	MOVD R0, pid+32(FP)
	MOVD ZR, errno+40(FP)
	RET
refused:
	NEG  R0, R0
	MOVD ZR, pid+32(FP)
	MOVD R0, errno+40(FP)
	RET
child:
	SUB  $32, R19, R19
	MOVD R19, RSP
	MOVD R20, 8(RSP)
	CALL ·begin(SB)
	BRK

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
